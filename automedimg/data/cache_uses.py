"""Who uses which cache entries now: what a running search uses is not cleared."""

from __future__ import annotations

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from automedimg.data import cache_locks, files

FOLDER = ".users"
"""Beside the folders of the kinds: for each user a list of entries, and a lock that it holds."""

STALE_S = 86_400.0
"""Seconds after which a list whose writer can't be asked, on another machine, is nobody's."""


class Use:
    """Says that this process uses some entries, until it is closed or collected, or dies.

    Args:
        cache: The folder of the caches.
        entries: The first of them.
    """

    def __init__(self, cache: Path, entries: Iterable[Path] = ()) -> None:
        name = f"{_machine()}.{os.getpid()}.{secrets.token_hex(4)}"
        self._cache, self._entries, self._pid = cache, set[str](), os.getpid()
        self._list = cache / FOLDER / f"{name}.json"
        self._lock = cache_locks.make_lock(self._list.with_suffix(".lock"))
        if self._lock is not None:
            cache_locks.try_lock(self._lock)
        self.add(entries)

    def add(self, entries: Iterable[Path]) -> None:
        """Use more of them. When it returns, they are safe, or gone already."""
        named = {f"{entry.parent.name}/{entry.name}" for entry in entries}
        with suppress(OSError):  # a cache that can't be written to can't be cleared either
            if named <= self._entries:
                os.utime(self._list)
                return
            with changing(self._cache):
                files.write_json(self._list, sorted(self._entries | named))
            self._entries |= named

    def close(self) -> None:
        """Use them no more."""
        if os.getpid() != self._pid:
            return  # a fork of the process that does
        with suppress(OSError):
            self._list.unlink(missing_ok=True)
            if self._lock is not None:
                self._lock.release()
                Path(self._lock.lock_file).unlink(missing_ok=True)

    def __del__(self) -> None:
        with suppress(Exception):  # whatever is left of the interpreter
            self.close()


_mine: dict[tuple[int, Path], Use] = {}
"""By process and cache, what this process touched: a process that was forked uses none of it."""

_guard = threading.Lock()


def touch(path: Path) -> None:
    """Note that an entry is used: now, and for as long as this process lives.

    Args:
        path: The entry, ``CACHE/KIND/NAME``; call it before looking whether it is there.
    """
    note_time(path)
    cache = path.parent.parent
    with _guard:
        key = (os.getpid(), cache.absolute())
        if key not in _mine:
            _mine[key] = Use(cache, [path])
        else:
            _mine[key].add([path])


def note_time(path: Path) -> None:
    """Note an entry's last use: its own modification time, which nothing else needs."""
    with suppress(OSError):
        os.utime(path)


def in_use(cache: Path) -> set[Path]:
    """The entries that some living process uses; lists of dead ones are removed."""
    found: set[Path] = set()
    for path in sorted((cache / FOLDER).glob("*.json")):
        # A hidden one is being written by its owner.
        if not path.name.startswith(".") and _is_living(path):
            found |= {cache / name for name in _read(path)}
    return found


@contextmanager
def changing(cache: Path) -> Iterator[None]:
    """Be the only one that lists uses or takes entries away; held for moments only."""
    with cache_locks.computing(cache / FOLDER / "all", timeout_s=60.0):
        yield


def _is_living(path: Path) -> bool:
    """Whether the process that wrote a list still lives; else remove the list."""
    lock = cache_locks.make_lock(path.with_suffix(".lock"))
    free = lock is None or cache_locks.try_lock(lock)
    if free is False:
        return True
    try:
        # Locks of another machine may not be seen from here, nor any where they don't work.
        seen = free is True and path.name.startswith(f"{_machine()}.")
        if not seen and time.time() - path.stat().st_mtime < STALE_S:
            return True
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)
    except OSError:
        pass  # another process was faster, or nothing may be deleted here
    finally:
        if lock is not None and free:
            lock.release()
    return False


def _read(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _machine() -> str:
    # A point separates the parts of a list's name.
    return (platform.node() or "machine").replace(".", "_").replace(os.sep, "_")
