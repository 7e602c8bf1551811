"""Worker processes: what executors are made of, those of other packages too."""

from automedimg.executing.cores import num_cores
from automedimg.executing.memory import default_worker_memory, own_memory, total_memory
from automedimg.executing.process import Ending, WorkerProcess, worker_environment

__all__ = [
    "Ending",
    "WorkerProcess",
    "default_worker_memory",
    "num_cores",
    "own_memory",
    "total_memory",
    "worker_environment",
]
