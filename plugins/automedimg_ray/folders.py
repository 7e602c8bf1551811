"""Whether a node sees the same files as the driver: both sides of the check."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from automedimg.contracts import RunContext

PATIENCE_S = 10.0
"""Seconds after which a network file system has surely shown a new file."""


class Marks:
    """Small files that the driver leaves where the workers will write, until it is done.

    Args:
        context: Of the run.
    """

    def __init__(self, context: RunContext) -> None:
        self._word = secrets.token_hex(16)
        folders = [Path(context.log).parent, Path(context.features)]
        # No hyphen: a name with one would be taken for a torn file, and swept away.
        self._paths = [folder / f".seen_{self._word[:8]}" for folder in folders]
        for path in self._paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._word, encoding="ascii")
        files = [Path(name) for name in (context.rows, *context.pixels.values())]
        self._sizes = {str(path): path.stat().st_size for path in files if path.exists()}

    def to_json(self) -> dict[str, Any]:
        """Return what `unseen` needs."""
        return {"word": self._word, "paths": [str(p) for p in self._paths], "sizes": self._sizes}

    def remove(self) -> None:
        """Delete them."""
        for path in self._paths:
            with suppress(OSError):
                path.unlink()


def unseen(marks: Mapping[str, Any], patience_s: float = PATIENCE_S) -> list[str]:
    """What this node lacks, in words; empty if it sees all that the driver sees.

    Args:
        marks: From `Marks.to_json`.
        patience_s: Seconds to wait for files to appear.
    """
    until = time.monotonic() + patience_s
    while True:
        missing = _unseen(marks)
        if not missing or time.monotonic() > until:
            return missing
        time.sleep(0.5)


def _unseen(marks: Mapping[str, Any]) -> list[str]:
    missing = []
    for name in marks["paths"]:
        folder = Path(name).parent
        if not _same(Path(name), marks["word"]):
            missing.append(f"`{folder}`")
        elif not os.access(folder, os.W_OK):
            missing.append(f"`{folder}` (it can't write there)")
    for name, size in marks["sizes"].items():
        try:
            same = Path(name).stat().st_size == size
        except OSError:
            same = False
        if not same:
            missing.append(f"`{name}`")
    return missing


def _same(path: Path, word: str) -> bool:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii") == word
    return False
