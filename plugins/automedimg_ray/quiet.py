"""Ray without a trace: on the terminal, in the environment, in this process's signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from ray.job_config import JobConfig

_SILENT = 60  # above CRITICAL: what matters reaches us as an exception

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Idle Python processes, as many as there are cores, that would never have anything to do.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    # The watch over workers has a limit of its own, and says whose fault it was.
    "RAY_memory_monitor_refresh_ms": "0",
}


def init(address: str, **options: Any) -> None:
    """Call `ray.init`, and put back what it changes in this process."""
    if "://" not in address:
        # Ray would have the nodes import from the current folder, which may hold downloaded files.
        # A client's driver leaves that out; nothing else hangs on it.
        options["job_config"] = job = JobConfig()
        job._client_job = True
    main = threading.current_thread() is threading.main_thread()
    on_term = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False, logging_level=_SILENT, **options)
    finally:
        if main and on_term is not None:
            signal.signal(signal.SIGTERM, on_term)


def mute() -> Callable[[], None]:
    """Keep Ray from printing that a worker died, which it does without `log_to_driver`, too."""
    from ray._private import worker

    before = getattr(worker, "_worker_logs_enabled", None)
    if before is None:
        return lambda: None
    worker._worker_logs_enabled = False
    return lambda: setattr(worker, "_worker_logs_enabled", before)


@contextmanager
def settings(added: Mapping[str, str]) -> Iterator[None]:
    """Set these and what suits us of Ray's, as far as the user hasn't, while Ray is started."""
    before = dict(os.environ)
    os.environ.update({**_SETTINGS, **{n: v for n, v in before.items() if n in _SETTINGS}, **added})
    try:
        yield
    finally:
        for name in (*_SETTINGS, *added):
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
