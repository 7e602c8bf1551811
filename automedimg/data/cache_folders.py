"""Cache entries that are folders: made under another name, and put in place when they are whole."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from automedimg.data import cache_entries, cache_uses, files

STALE_S = 86_400
"""Age at which a half-made entry is a killed process's, and is removed."""

ATTEMPTS = 10
"""How often an entry is put in the place of one that another process keeps putting there."""


@contextmanager
def making(folder: Path, is_sound: Callable[[], bool]) -> Iterator[Path]:
    """Give a folder of another name, put in place in the end.

    Two processes can't harm each other: what is sound stays, what is damaged is replaced whole.

    Args:
        folder: The entry.
        is_sound: Whether what stands there already can be used.
    """
    files.make_folder(folder.parent)
    _sweep(folder.parent)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        temporary.chmod(0o755)  # mkdtemp's 0700 would hide the cache from a team
        yield temporary
        _flush(temporary)
        _put(temporary, folder, is_sound)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def of_images(paths: Sequence[Path]) -> str:
    """What an entry is of, in words: how many images, and from which folder."""
    number = f"{len(paths)} images" if len(paths) != 1 else "1 image"
    try:
        return f"{number} of {os.path.commonpath([path.absolute() for path in paths])}"
    except ValueError:  # none, or on two drives
        return number


def sources(paths: Iterable[Path], cache: Path) -> list[Path]:
    """The samples and data sets of the cache that some files belong to."""
    found: dict[Path, None] = {}
    for folder in (cache / "samples", cache / "datasets"):
        # As text: there may be a million of them.
        inside = [path for path in paths if str(path).startswith(f"{folder}{os.sep}")]
        found |= {folder / path.parts[len(folder.parts)]: None for path in inside}
    return list(found)


def _put(temporary: Path, folder: Path, is_sound: Callable[[], bool]) -> None:
    for _ in range(ATTEMPTS):
        try:
            temporary.rename(folder)
            return
        except OSError:
            if not os.path.lexists(folder):
                raise
        if is_sound():
            return  # it was there, or another process was faster
        aside = temporary.with_name(f"{temporary.name}-old")
        with suppress(FileNotFoundError):  # another process took it away
            folder.rename(aside)
            _remove(aside)
    raise OSError(f"`{folder}` can't be replaced")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what kills left half made long ago."""
    for old in folder.glob(".*-*"):
        with suppress(OSError):  # another process put it in place or removed it
            if time.time() - old.stat().st_mtime > STALE_S and not cache_entries.is_used(
                old, cache_uses.in_use(folder.parent)
            ):
                _remove(old)


def _flush(folder: Path) -> None:
    """Bring files to the disk, so that a power cut can't leave a folder of empty ones."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
