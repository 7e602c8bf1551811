"""How much memory there is, how much a process has of its own, and whether the kernel ran out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

SHARE = 0.9
"""Of this machine's memory, what all workers together may take before one of them is ended."""

_CGROUP = Path("/sys/fs/cgroup")


def total_memory() -> int:
    """Bytes that this process's machine, or the container around it, has."""
    total = int(psutil.virtual_memory().total)
    with suppress(OSError, ValueError):  # "max" is no number: no limit
        return min(total, int((_CGROUP / "memory.max").read_text()))
    return total


def default_worker_memory(num_workers: int) -> int:
    """Bytes that each of so many workers may take."""
    return int(SHARE * total_memory() / max(1, num_workers))


def own_memory(process: psutil.Process, *, children: bool = True) -> int:
    """Resident bytes of a process and its children without the pages of files that they have open.

    A worker that reads a large memory map has much of it resident, which the system takes back as
    it likes: that is no reason to end it. 0 for a process that is gone.
    """
    total = 0
    with suppress(psutil.Error):
        for one in (process, *(process.children(recursive=True) if children else ())):
            with suppress(psutil.Error):
                found = one.memory_info()
                total += found.rss - getattr(found, "shared", 0)
    return int(total)


def kernel_kills() -> int:
    """How many processes the kernel has killed so far because memory ran out; 0 where unknown."""
    count = 0
    for path in (Path("/proc/vmstat"), _CGROUP / "memory.events"):
        with suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                name, _, value = line.partition(" ")
                if name == "oom_kill":
                    count += int(value)
    return count
