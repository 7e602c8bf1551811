"""Reading the caches from end to end: what is damaged in them, and away with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automedimg.data import cache_clearing, cache_entries, cache_seals
from automedimg.data.cache_entries import CACHED, Entry

SETTLE_S = 0.5
"""Seconds in which a file that is put in place has got its seal, too."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An entry that was looked at.

    Args:
        entry: The entry.
        fault: What is wrong with it; empty if nothing is.
        removed: Whether it was removed, to be made again.
    """

    entry: Entry
    fault: str
    removed: bool

    def to_json(self) -> dict[str, Any]:
        """The outcome as JSON types."""
        return {**self.entry.to_json(), "fault": self.fault or None, "removed": self.removed}


def verify(
    cache: Path, *, repair: bool = False, progress: Callable[[int, int], None] | None = None
) -> list[Checked]:
    """Read every entry that can be made again, and compare it with its checksums.

    Samples and datasets have none: a damaged image is named when it is read.

    Args:
        cache: The folder of the caches.
        repair: Whether to remove what is damaged, so that it is made again. What a running search
            uses stays.
        progress: Called with the number of entries read, and of all.
    """
    found = cache_entries.list_entries(cache, CACHED)
    checked = []
    for number, entry in enumerate(found, start=1):
        fault = _fault(entry)
        if fault and entry.in_use:
            time.sleep(SETTLE_S)  # it may have been replaced at this moment
            fault = _fault(entry)
        # What is gone was cleared meanwhile.
        if fault and entry.path.exists():
            removed = repair and bool(cache_clearing.discard(cache, [entry]).removed)
            checked.append(Checked(entry, fault, removed))
        elif not fault:
            checked.append(Checked(entry, "", False))
        if progress is not None:
            progress(number, len(found))
    return checked


def _fault(entry: Entry) -> str:
    if entry.kind == "audits":
        return _fault_of_audit(entry.path)
    return cache_seals.fault(entry.path, deep=True)


def _fault_of_audit(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"it can't be read: {error}"
    if not (isinstance(found, dict) and {"level", "verdict"} <= found.keys()):
        return "it is no measurement of shortcuts"
    return ""
