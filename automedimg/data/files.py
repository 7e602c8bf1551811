"""Files that are either whole or not there: written under another name, then renamed."""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from automedimg.errors import RunError
from automedimg.version import RUN_FORMAT


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; rename it to `path` if nothing was raised.

    The suffix is kept, because Keras and NumPy look at it.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    temporary.chmod(0o644)  # mkstemp's 0600 would hide results from a team
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def reserve(path: Path) -> None:
    """Take a file's space on the disk now: a full disk would kill the process in a memory map.

    Raises:
        OSError: there is no room for it.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def forget_pages(array: Any) -> None:
    """Let the system take back the memory that the pages of a memory map hold; they stay on disk.

    A map that is read once from end to end would else count as this process's memory for ever.
    """
    base = getattr(array, "base", None)
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"can't read `{path}`: {error}") from error


def read_versioned(path: Path) -> Any:
    """Read a JSON file of a run directory that carries the format's number.

    Raises:
        RunError: it is missing, damaged, or of another format.
    """
    data = read_json(path)
    found = data.get("format") if isinstance(data, dict) else None
    if found != RUN_FORMAT:
        raise RunError(
            f"`{path}` has the format {found}; expected {RUN_FORMAT}",
            "another version of automedimg wrote it: use that version, or search again",
        )
    return data


def make_folder(path: Path) -> Path:
    """Create a folder and check that files can be written to it.

    Raises:
        RunError: it can't be created, or is not writable.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise RunError(
            f"can't write to the folder `{path}`: {error.strerror or error}",
            "choose another with `--out`, or change its permissions",
        ) from error
    return path


def _flush(path: Path) -> None:
    """Bring a file to the disk, so that a power cut can't leave an empty renamed file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
