"""What a worker and its libraries print goes to the run's log, which doesn't grow without end."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 10_000_000
"""Size from which the log is set aside as ``log.1.txt``, in place of an older one."""

LOOK_S = 5.0
"""Seconds between two looks at its size."""


class Log:
    """Takes over this process's standard output and standard error.

    Several workers append to one file. Whoever finds it large sets it aside; the others follow at
    their next look.

    Args:
        path: Of the log.
    """

    def __init__(self, path: Path) -> None:
        self.follow(path)
        threading.Thread(target=self._look, daemon=True).start()

    def follow(self, path: Path) -> None:
        """Go on in the log of another run."""
        self._path, self._aside = path, path.with_name(f"{path.stem}.1{path.suffix}")
        self._open()

    def turn(self) -> None:
        """Begin a new file, if this one has grown large or another worker has begun one."""
        mine = os.fstat(2)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            self._open()
            return
        same = (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
        if same and mine.st_size > MOST_BYTES:
            self._path.replace(self._aside)
        if not same or mine.st_size > MOST_BYTES:
            self._open()

    def _open(self) -> None:
        log = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.close(log)

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_S)
            with suppress(OSError):  # the run directory may be gone, or the disk full
                self.turn()
