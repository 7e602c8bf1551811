"""What trials can run on, found without loading CUDA into this process."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one worker.

    Args:
        name: For the record: ``cpu``, or a GPU's id.
        environment: What its worker's environment adds.
    """

    name: str
    environment: tuple[tuple[str, str], ...]


def find_slots(backend: str, workers: int | None = None) -> list[Slot]:
    """One slot a GPU that the backend can use, else CPU slots that share the cores.

    Args:
        backend: Of Keras.
        workers: How many slots are wanted; None takes one a GPU, or one for the whole CPU.
    """
    gpus = visible_gpus() if uses_gpus(backend) else []
    if gpus:
        count = workers or len(gpus)
        return [
            Slot(gpus[i % len(gpus)], (("CUDA_VISIBLE_DEVICES", gpus[i % len(gpus)]),))
            for i in range(count)
        ]
    count = workers or 1
    threads = str(max(1, num_cores() // count))
    limits = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    environment = (("CUDA_VISIBLE_DEVICES", ""), *((name, threads) for name in limits))
    return [Slot("cpu", environment) for _ in range(count)]


def uses_gpus(backend: str) -> bool:
    """Whether the installed build of a backend could use a GPU at all."""
    if backend != "tensorflow":
        return True
    names = {str(found.name).lower() for found in importlib.metadata.distributions()}
    return not {"tensorflow-cpu", "tensorflow_cpu"} & names


def visible_gpus() -> list[str]:
    """Ids of the GPUs that this process may use; ``CUDA_VISIBLE_DEVICES`` has the first word."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        # CUDA ignores an invalid id and all that follow it.
        return list(takewhile(lambda name: name not in ("", "-1"), names))
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        listed = subprocess.run(
            [command, "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if line.startswith("GPU-")]


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
