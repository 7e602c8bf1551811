"""Taking entries out of the caches: all, old ones, or as many as a limit asks for."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automedimg.data import cache_entries, cache_locks, cache_seals, cache_uses
from automedimg.data.cache_entries import CACHED, Entry
from automedimg.errors import ConfigurationError

YOUNG_S = 600.0
"""Seconds in which a leftover may be something that is being written."""

DEFAULT = (*CACHED, "samples", "leftovers")
"""What is cleared if no kind is named: what is made again without being asked for."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What came of a clearing.

    Args:
        removed: What is gone, or would be.
        kept: What was to go and is still there: it is in use, or can't be deleted.
    """

    removed: tuple[Entry, ...]
    kept: tuple[Entry, ...]


def clear(
    cache: Path,
    kinds: Sequence[str] = (),
    *,
    older_than_s: float | None = None,
    dry: bool = False,
) -> Cleared:
    """Remove entries that no living process uses.

    Args:
        cache: The folder of the caches.
        kinds: Which; none takes `DEFAULT`, which leaves datasets alone.
        older_than_s: Only what was last used so long ago.
        dry: Whether only to say what would be removed.
    Raises:
        ConfigurationError: a kind is unknown or not automedimg's to delete.
    """
    for kind in kinds:
        if kind not in cache_entries.KINDS or kind == "other":
            known = ", ".join(f"`{name}`" for name in cache_entries.KINDS if name != "other")
            raise ConfigurationError(
                f"`{kind}` is no kind that can be cleared; expected some of {known}"
            )
    found = cache_entries.list_entries(cache, kinds or DEFAULT)
    if older_than_s is not None:
        until = time.time() - older_than_s
        found = [entry for entry in found if entry.last_used < until]
    return _split(found) if dry else discard(cache, found)


def discard(cache: Path, entries: Iterable[Entry]) -> Cleared:
    """Remove entries that nobody uses.

    Whoever is about to use one either says so before it is looked at here, or finds it gone.
    """
    chosen = list(entries)
    if not chosen:
        return Cleared((), ())
    removed: list[Entry] = []
    kept: list[Entry] = []
    trash: list[Path] = []
    with cache_uses.changing(cache):
        used = cache_uses.in_use(cache)
        for entry in chosen:
            live = _is_live(entry) or cache_entries.is_used(entry.path, used)
            gone = not live and _take_away(entry.path, trash)
            (removed if gone else kept).append(entry)
    for path in trash:
        shutil.rmtree(path, ignore_errors=True)
    for entry in removed:
        cache_locks.forget(entry.path)
    return Cleared(tuple(removed), tuple(kept))


def _split(entries: Iterable[Entry]) -> Cleared:
    found = list(entries)
    return Cleared(
        tuple(entry for entry in found if not _is_live(entry)),
        tuple(entry for entry in found if _is_live(entry)),
    )


def _is_live(entry: Entry) -> bool:
    young = entry.kind == "leftovers" and time.time() - entry.last_used < YOUNG_S
    return entry.in_use or young


def _take_away(path: Path, trash: list[Path]) -> bool:
    """Remove a file, or hide a folder that is then to be removed; say whether that worked."""
    try:
        if path.is_dir() and not path.is_symlink():
            hidden = path.with_name(f".{path.name.lstrip('.')}-{secrets.token_hex(4)}")
            path.rename(hidden)
            trash.append(hidden)
            return True
        if path.suffix == ".npy":
            cache_seals.seal_path(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except FileNotFoundError:
        return True  # another process was faster
    except OSError:
        return False
    return True
