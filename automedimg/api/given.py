"""How the functions of the API take what they are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from automedimg.contracts import Event

Listener = Callable[[Event], None]


def as_path(given: str | Path | None) -> Path | None:
    """Return a path, or None where nothing was given."""
    return Path(given) if given else None
