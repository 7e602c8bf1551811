"""Locks on cache entries: one process computes, the others wait and find it there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

FOLDER = ".locks"
"""Beside the folders of the kinds; its files are empty, and stay."""

TIMEOUT_S = 6 * 3600.0
"""Seconds after which a process that still waits computes the entry itself."""

POLL_S = 0.1
ALIVE_S = 1.0

Alive = Callable[[], None]


@contextmanager
def computing(
    path: Path, alive: Alive | None = None, timeout_s: float = TIMEOUT_S
) -> Iterator[bool]:
    """Hold the right to compute an entry; look whether it is there by now inside of it.

    The system takes the lock back from a process that dies. Nothing depends on the lock but time:
    where locks don't work, and when the wait is over, two processes compute the same, and each
    puts a whole entry in place. A thread must not ask for the same entry twice.

    Args:
        path: The entry, ``CACHE/KIND/NAME``.
        alive: Called about every second of the wait; what it raises ends the wait.
        timeout_s: Seconds to wait at most.
    Returns:
        Whether this process holds it.
    """
    lock = make_lock(lock_path(path))
    held = lock is not None and _wait(lock, alive or (lambda: None), timeout_s)
    try:
        yield held
    finally:
        if lock is not None and held:
            _release(lock)


class Once:
    """Says something the first time that it is called: what a wait is for, as `alive`.

    Args:
        note: Hears it.
        text: What to say.
    """

    def __init__(self, note: Callable[[str], None], text: str) -> None:
        self._note, self._text = note, text

    def __call__(self) -> None:
        """Say it, unless it was said."""
        if self._text:
            self._note(self._text)
        self._text = ""


def forget(path: Path) -> None:
    """Remove the lock of an entry that is gone, unless a process has it."""
    if not lock_path(path).exists():
        return
    lock = make_lock(lock_path(path))
    if lock is not None and try_lock(lock):
        with suppress(OSError):
            lock_path(path).unlink(missing_ok=True)
        _release(lock)


def lock_path(entry: Path) -> Path:
    """The lock of an entry: outside of its folder, which holds nothing but entries."""
    return entry.parent.parent / FOLDER / f"{entry.parent.name}-{entry.name}.lock"


def make_lock(path: Path) -> filelock.BaseFileLock | None:
    """A lock that any thread may release; None where its folder can't be written to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return filelock.FileLock(path, thread_local=False)


def try_lock(lock: filelock.BaseFileLock) -> bool | None:
    """Take a lock if it is free.

    Returns:
        False if another has it; None where locks don't work.
    """
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    except (OSError, NotImplementedError):
        return None
    return True


def _wait(lock: filelock.BaseFileLock, alive: Alive, timeout_s: float) -> bool:
    until, next_sign = time.monotonic() + timeout_s, time.monotonic() + ALIVE_S
    while (held := try_lock(lock)) is False:
        now = time.monotonic()
        if now >= until:
            return False
        if now >= next_sign:
            alive()
            next_sign = now + ALIVE_S
        time.sleep(POLL_S)
    return held is True


def _release(lock: filelock.BaseFileLock) -> None:
    with suppress(OSError):
        lock.release()
