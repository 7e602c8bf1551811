"""What tasks share about folders: where a layout is, and which images are in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePath
from typing import TypeVar

MARKER = "SYNTHETIC.txt"
"""A file of this name in a data set's folder says that its images were generated."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
SEARCH_DEPTH = 3
"""How many levels below a given folder a data set is looked for."""

# What macOS adds to archives.
_NEVER_SEARCHED = frozenset({"__macosx"})
Found = TypeVar("Found")


def search(
    folder: Path, accept: Callable[[Path], Found | None], never: Collection[str] = ()
) -> Found | None:
    """Try a folder and those below it, level by level, each level by name.

    Args:
        folder: Where to start.
        accept: Returns what it found in one folder, or None.
        never: Names of folders, in lower case, that are not entered.
    """
    level = [folder]
    for _ in range(SEARCH_DEPTH + 1):
        for candidate in level:
            found = accept(candidate)
            if found is not None:
                return found
        level = [child for parent in level for child in searchable_folders(parent, never)]
    return None


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, by name; none if it can't be read."""
    try:
        # Unlike Path.iterdir, this needs no system call for each of 200,000 files.
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []


def searchable_folders(folder: Path, never: Collection[str] = ()) -> list[Path]:
    """Like `subfolders`, without hidden ones and those whose lower-case name is in `never`."""
    return [
        child
        for child in subfolders(folder)
        if not child.name.startswith(".")
        and child.name.lower() not in never
        and child.name.lower() not in _NEVER_SEARCHED
    ]


def files_in(folder: Path) -> list[str]:
    """Names of the files in a folder, hidden ones left out, in no particular order.

    Raises:
        OSError: the folder can't be read.
    """
    with os.scandir(folder) as entries:
        return [e.name for e in entries if not e.name.startswith(".") and not e.is_dir()]


def class_folders(root: Path, classes: Collection[str]) -> Mapping[str, list[Path]] | None:
    """Find one folder or more for each class, whatever the case of their names.

    Returns:
        The folders of each class, in the order of `classes`; None where a class has none.
    """
    found: dict[str, list[Path]] = {label: [] for label in classes}
    by_name = {label.casefold(): label for label in classes}
    for child in subfolders(root):
        label = by_name.get(child.name.casefold())
        if label is not None:
            found[label].append(child)
    return found if all(found.values()) else None


def images_in(folder: Path) -> list[Path]:
    """Image files below a folder, in natural order, without hidden files and folders."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if _is_image(name)]
    return sorted(found, key=lambda path: natural_order(path.relative_to(folder).as_posix()))


def _is_image(name: str) -> bool:
    return not name.startswith(".") and PurePath(name).suffix.lower() in IMAGE_SUFFIXES


def natural_order(name: str) -> tuple[list[str | int], str]:
    """A sorting key by which `y2` comes before `y10`."""
    return list(_natural_parts(name)), name


def _natural_parts(name: str) -> Iterator[str | int]:
    """Split a name: text and numbers take turns."""
    for index, part in enumerate(re.split(r"(\d+)", name.casefold())):
        yield int(part) if index % 2 else part
