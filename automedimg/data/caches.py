"""The caches as a whole: what the rest of automedimg, the API and the command line use of them."""

from __future__ import annotations

from automedimg.data.cache_clearing import Cleared, clear
from automedimg.data.cache_entries import CACHED, KINDS, Entry, list_entries
from automedimg.data.cache_limits import keep_within, parse_bytes, wanted_limit
from automedimg.data.cache_locks import Once, computing
from automedimg.data.cache_seals import fault, is_whole, read_seal, seal, writing
from automedimg.data.cache_uses import Use, note_time, touch
from automedimg.data.cache_verifying import Checked, verify

__all__ = [
    "CACHED",
    "KINDS",
    "Checked",
    "Cleared",
    "Entry",
    "Once",
    "Use",
    "clear",
    "computing",
    "fault",
    "is_whole",
    "keep_within",
    "list_entries",
    "note_time",
    "parse_bytes",
    "read_seal",
    "seal",
    "touch",
    "verify",
    "wanted_limit",
    "writing",
]
