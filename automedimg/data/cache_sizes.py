"""Sizes and times of files and folders that other processes may remove meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def measure(path: Path) -> tuple[int, float]:
    """Bytes of a file or of all files below a folder, and when the last of them was used."""
    num_bytes, newest, waiting = 0, 0.0, [path]
    while waiting:
        current = waiting.pop()
        try:
            found = current.lstat()
        except OSError:
            continue  # another process removed it
        if stat.S_ISDIR(found.st_mode):
            waiting += [Path(entry.path) for entry in _scan(current)]
            newest = max(newest, found.st_mtime)  # reading its list would count as a use
        else:
            num_bytes += found.st_size
            newest = max(newest, found.st_mtime, found.st_atime)
    return num_bytes, newest


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def own_time(path: Path) -> float:
    """When a path itself was changed last, which is when it was used if it is a cache entry."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0  # another process removed it
