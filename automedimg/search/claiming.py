"""Taking a run directory: making it, leaving nothing behind, waiting for who holds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock

from automedimg.data import files
from automedimg.errors import AutomedimgError, RunError
from automedimg.search import record
from automedimg.search.urls import redacted

LEADER_S = 1800.0
"""Seconds that a process which joins a search waits for it to begin."""

TRY_S = 5.0
"""Seconds between two attempts to take the lead."""


class Claim:
    """A run directory that this process is about to work in.

    Args:
        folder: The run directory.
        storage: URL of the ledger; None keeps it in the run directory.
    Attributes:
        leads: Whether this process holds it; with a ledger on a server, others may work in it too.
    """

    def __init__(self, folder: Path, storage: str | None) -> None:
        self._folder, self._storage = folder, storage
        self.leads, self._made_parent = True, False
        self._inherited: filelock.BaseFileLock | None = None
        self._tried = float("-inf")

    def earlier(self) -> dict[str, Any] | None:
        """What `run.json` says, if this continues a run."""
        path = self._folder / "run.json"
        return files.read_versioned(path) if path.is_file() else None

    def make(self) -> None:
        """Make the run directory, unless it is somebody else's.

        Raises:
            RunError: it is, or can't be made.
        """
        folder = self._folder
        inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if inside - record.LOCK_FILES and "run.json" not in inside and not _is_young(inside):
            raise RunError(f"`{folder}` is not empty and not a run", "choose another `--out`")
        self._made_parent = not folder.parent.exists()
        files.make_folder(folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it, and leave no empty run directory behind where nothing ever began.

        Raises:
            RunError: another process holds it, and this one can't join.
        """
        with record.hold(self._folder, shared=self._storage is not None) as self.leads:
            try:
                if not self.leads:
                    self._await_leader()
                yield
            except AutomedimgError:
                if self.leads:
                    self._clear_if_empty()
                raise
            finally:
                self._let_go()

    def take_lead(self, *, at_once: bool = False) -> bool:
        """Become the process that leads, if the one that did has left the search unfinished.

        The system frees the lock of a process that dies; one that is stopped or hangs keeps it.

        Args:
            at_once: Whether to try though the last attempt was a moment ago.
        Returns:
            Whether this process leads by now.
        """
        now = time.monotonic()
        if self.leads or (now - self._tried < TRY_S and not at_once):
            return self.leads
        self._tried = now
        self._inherited = record.try_to_hold(self._folder)
        if self._inherited is not None and not self._is_unfinished():
            self._let_go()
        self.leads = self._inherited is not None
        return self.leads

    def _is_unfinished(self) -> bool:
        """Whether the last session was cut off before its verdict, or interrupted."""
        before = self.earlier()
        last = before["sessions"][-1] if before and before["sessions"] else {}
        return not last.get("ended") or last["stopped_by"] == "interrupted"

    def _let_go(self) -> None:
        if self._inherited is not None:
            record.release(self._folder, self._inherited)
            self._inherited = None

    def _clear_if_empty(self) -> None:
        if not {path.name for path in self._folder.iterdir()} <= record.LOCK_FILES:
            return
        for name in record.LOCK_FILES:
            (self._folder / name).unlink(missing_ok=True)
        self._folder.rmdir()
        if self._made_parent:
            with suppress(OSError):  # somebody else may have put a run there by now
                self._folder.parent.rmdir()

    def _await_leader(self) -> None:
        """Wait until the process that holds the run has said what it is."""
        until = time.monotonic() + LEADER_S
        while (before := self.earlier()) is None:
            if time.monotonic() > until:
                raise RunError(
                    f"the process that holds `{self._folder}` has not begun its search",
                    "try again later",
                )
            time.sleep(0.5)
        mine = redacted(self._storage or "")
        if before["storage"] != mine:
            raise RunError(
                f"`{self._folder}` is in use by a process that keeps its ledger in "
                f"`{before['storage'] or 'the run directory'}`, not in `{mine}`",
                "only a search with the same `--storage` can be joined",
            )


def _is_young(inside: set[str]) -> bool:
    """Whether a run that was killed, or is being joined, before it wrote `run.json`."""
    whole = {name for name in inside if not record.is_temporary(name)}
    return whole <= record.LOCK_FILES | record.TABLES
