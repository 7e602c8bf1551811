"""A limit on the size of the caches: what was not used for longest goes first."""

from __future__ import annotations

import os
import re
from pathlib import Path

from automedimg.data import cache_clearing, cache_entries
from automedimg.data.cache_clearing import Cleared
from automedimg.data.cache_entries import CACHED, Entry
from automedimg.errors import ConfigurationError

LIMIT = "AUTOMEDIMG_CACHE_LIMIT"
"""The variable that limits the caches, e.g. ``20GB``."""


def keep_within(cache: Path, limit_bytes: int | None, *, dry: bool = False) -> Cleared:
    """Remove the least recently used entries until the rest is no larger than a limit.

    Args:
        cache: The folder of the caches.
        limit_bytes: On the kinds in `CACHED` together; None removes nothing.
        dry: Whether only to say what would be removed.
    """
    if limit_bytes is None:
        return Cleared((), ())
    found = cache_entries.list_entries(cache, CACHED)
    excess = sum(entry.num_bytes for entry in found) - limit_bytes
    chosen: list[Entry] = []
    for entry in sorted(found, key=lambda entry: entry.last_used):
        if excess > 0 and not entry.in_use:
            chosen.append(entry)
            excess -= entry.num_bytes
    done = Cleared(tuple(chosen), ()) if dry else cache_clearing.discard(cache, chosen)
    if excess <= 0:
        return done
    return Cleared(done.removed, (*done.kept, *(entry for entry in found if entry.in_use)))


def wanted_limit() -> int | None:
    """The limit that the environment sets, in bytes; None if it sets none.

    Raises:
        ConfigurationError: it is no size.
    """
    given = os.environ.get(LIMIT)
    return parse_bytes(given, f"${LIMIT}") if given else None


def parse_bytes(text: str, name: str = "the limit") -> int:
    """Bytes of a size such as ``20GB``, ``500 MB`` or ``1.5T``; powers of ten.

    Raises:
        ConfigurationError: it is no size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", text.strip().lower())
    if match is None:
        raise ConfigurationError(f"{name} is `{text}`; expected a size, e.g. 20GB or 500MB")
    return int(float(match[1]) * 1000 ** " kmgt".index(match[2] or " "))
