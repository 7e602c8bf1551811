"""Where a table lies, and which one is meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from automedimg.errors import DataError
from automedimg_tasks.folder_files import is_hidden
from automedimg_tasks.layout import SEARCH_DEPTH, natural_order, searchable_folders
from automedimg_tasks.tables import TABLE_SUFFIXES


def lone_folders(folder: Path) -> Iterator[Path]:
    """Yield a folder, and what it wraps: its only folder, and that one's, three levels down."""
    yield folder
    for _ in range(SEARCH_DEPTH):
        children = searchable_folders(folder)
        if len(children) != 1:
            return
        folder = children[0]
        yield folder


def tables_in(folder: Path) -> list[Path]:
    """Tables that lie in a folder itself, in natural order; none if it can't be read."""
    return files_of(folder, TABLE_SUFFIXES)


def files_of(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Files in a folder with one of these suffixes, in natural order; none if it can't be read."""
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in suffixes]
    except OSError:
        return []
    kept = (path for path in found if not is_hidden(path.name) and path.is_file())
    return sorted(kept, key=lambda path: natural_order(path.name))


def named_file(root: Path, name: str, option: str = "file") -> Path:
    """Return the file that an option names, below the data set's folder.

    Raises:
        DataError: it is not there, or lies elsewhere.
    """
    path = root / name
    if not path.is_file():
        raise DataError(
            f"option `{option}` is `{name}`; there is no such file in `{root.name}`",
            "write its path as seen from the data set's folder",
        )
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"option `{option}` is `{name}`, outside of the folder `{root.name}`",
            "name the folder that it lies in with --data",
        )
    return path
