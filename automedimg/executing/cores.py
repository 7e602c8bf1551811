"""How many processor cores there are to use."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def num_cores() -> int:
    """Cores that this process may use, or its container's share of them, rounded up."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # "max" is no number: no limit
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, -(-int(quota) // int(period))))
    return cores
