"""The log of decisions: what the search did with each trial, and why; a JSON object a line."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

FILE = "decisions.jsonl"

Kind = Literal[
    "begin",
    "lead",
    "advise",
    "propose",
    "resume",
    "prune",
    "keep",
    "drop",
    "retry",
    "leave",
    "give up",
    "record",
    "stop",
]


class Decisions:
    """Appends to the log of a run.

    Args:
        folder: The run directory.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._start = folder / FILE, time.monotonic()
        with suppress(FileNotFoundError):
            if self._path.read_bytes()[-1:] not in (b"", b"\n"):
                self._append("\n")  # a kill tore the last line

    def log(self, kind: Kind, trial: int | None = None, **why: Any) -> None:
        """Write a decision.

        Args:
            kind: What was decided.
            trial: The trial's number.
            why: What it rests on; JSON types.
        """
        entry: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "session_s": round(time.monotonic() - self._start, 3),
            "decision": kind,
        }
        if trial is not None:
            entry["trial"] = trial
        self._append(json.dumps(entry | why, ensure_ascii=False, default=str) + "\n")

    def _append(self, text: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)


def read_decisions(folder: Path) -> list[dict[str, Any]]:
    """Read the log of a run; a torn line is passed over."""
    found = []
    with suppress(FileNotFoundError):
        for line in (folder / FILE).read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
    return found
