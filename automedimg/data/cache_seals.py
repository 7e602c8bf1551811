"""Seals of cache entries: what an entry held when it was whole, so that damage shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from automedimg.data import cache_contents, files

FORMAT = 1
"""Of the seals; entries with another one are made again."""

IN_FOLDER = "seal.json"
"""Name of the seal of an entry that is a folder; it stands inside."""


def seal_path(entry: Path) -> Path:
    """Where an entry's seal stands: in a folder, or beside a file as ``<name>.json``."""
    return entry / IN_FOLDER if entry.is_dir() else entry.with_name(f"{entry.name}.json")


def seal(path: Path, about: Mapping[str, Any]) -> None:
    """Write down what an entry holds; call it when the entry is whole.

    Args:
        path: A file, or a folder with files that is not yet under its final name.
        about: What it is of, JSON-ready; ``what`` is shown to the user.
    Raises:
        OSError: it can't be read or written; a full disk, for instance.
    """
    while True:
        before = _signs(path)
        _write(path, {file.name: cache_contents.describe(file) for file in _parts(path)}, about)
        # Another process may have put its own array in place meanwhile: seal what is there now.
        if _signs(path) == before:
            return


@contextmanager
def writing(path: Path, about: Mapping[str, Any]) -> Iterator[Path]:
    """Give a temporary path; put it in place, sealed, if nothing was raised.

    Args:
        path: The file to write.
        about: As for `seal`.
    """
    with files.replacing(path) as temporary:
        yield temporary
        found = cache_contents.describe(temporary)
        # Before the file is replaced: a kill in between must show.
        seal_path(path).unlink(missing_ok=True)
    _write(path, {path.name: found}, about)


def is_whole(path: Path) -> bool:
    """Whether an entry is sealed and looks as it did then.

    Cheap: sizes and headers, and the checksums of small files; `fault` reads all.
    """
    return not fault(path, deep=False)


def fault(path: Path, *, deep: bool) -> str:
    """What is wrong with an entry, in words; empty if nothing is.

    Args:
        path: The entry.
        deep: Whether to read all of it and compare it with its checksums.
    """
    if not path.exists():
        return "it is not there"
    known = read_seal(path)
    if known is None:
        return "it has no seal: its writer was killed, or an earlier version made it"
    try:
        for name, facts in known["files"].items():
            if words := cache_contents.fault(path / name if path.is_dir() else path, facts, deep):
                return words
    # A seal of any other build, whatever it says, is as good as none.
    except (AttributeError, KeyError, TypeError):
        return "its seal is damaged"
    return ""


def read_seal(path: Path) -> dict[str, Any] | None:
    """An entry's seal; None where there is none, or a damaged one."""
    try:
        found = json.loads(seal_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return None
    return found if isinstance(found.get("files"), dict) and found["files"] else None


def _write(path: Path, parts: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    made = datetime.now(UTC).isoformat(timespec="seconds")
    known = {"format": FORMAT, "made": made, "about": dict(about), "files": dict(parts)}
    files.write_json(seal_path(path), known)


def _parts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.name != IN_FOLDER)


def _signs(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    # Writing the seal changes a folder's time, but nobody else knows of a folder that is sealed.
    return stat.st_ino, *((0, 0) if path.is_dir() else (stat.st_size, stat.st_mtime_ns))
