"""Image files below a folder, by name alone; written for folders of 200,000 files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from automedimg_tasks.layout import natural_order

PLAIN_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".gif"}
)
DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".ima"})
IMAGE_SUFFIXES = PLAIN_SUFFIXES | DICOM_SUFFIXES

IsImage = Callable[[str], bool]
"""Tells from a file's path whether it is an image."""


def suffix(path: str) -> str:
    """Suffix of a path in lower case, with its dot; Path would take ten times as long."""
    name = path.rpartition("/")[2]
    stem, dot, end = name.rpartition(".")
    return f".{end.lower()}" if dot and stem else ""


def has_image_suffix(path: str) -> bool:
    """Whether a file is called like an image."""
    return suffix(path) in IMAGE_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or macOS put it into an archive."""
    return name.startswith(".") or name.casefold() == "__macosx"


def list_files(
    folder: Path, wanted: IsImage = has_image_suffix, *, limit: int = 0, ordered: bool = True
) -> list[str]:
    """List files at any depth, without hidden ones; folders that can't be read are left out.

    Args:
        folder: Where to start.
        wanted: Tells from a path, relative to `folder`, whether a file is listed.
        limit: Stop after so many files were looked at; 0 never stops.
        ordered: Whether order matters; sorting takes longer than looking.
    Returns:
        Paths relative to `folder`, with forward slashes, in natural order.
    """
    found: list[str] = []
    seen = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        relative = os.path.relpath(parent, folder).replace(os.sep, "/")
        prefix = "" if relative == "." else f"{relative}/"
        paths = (prefix + name for name in names if not is_hidden(name))
        found += [path for path in paths if wanted(path)]
        seen += len(names)
        if limit and seen >= limit:
            break
    return sorted(found, key=natural_order) if ordered else found


def images_beside(folder: Path, wanted: IsImage = has_image_suffix) -> list[str]:
    """Names of the images that lie in a folder itself, in natural order."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not is_hidden(entry.name)]
    except OSError:
        return []
    images = (name for name in names if wanted(name) and (folder / name).is_file())
    return sorted(images, key=natural_order)


def holds_image(folder: Path) -> bool:
    """Whether there is an image at any depth; stops at the first one."""
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        if any(has_image_suffix(name) and not is_hidden(name) for name in names):
            return True
    return False
