"""From what a table calls an image to its file."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from automedimg.contracts import SetAside
from automedimg_tasks.folder_files import suffix as suffix_of

# As they are tried where a table gives names without suffix.
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".pgm", ".ppm", ".gif")


def clean(text: str) -> str:
    """Write a path with forward slashes, without ``.`` and what ``..`` cancels."""
    return posixpath.normpath(text.strip().replace("\\", "/"))


def is_absolute(path: str) -> bool:
    """Whether a path starts at the root of a disk, on any system."""
    return path.startswith("/") or (len(path) > 1 and path[1] == ":")


class FileIndex:
    """The images below a folder, by path, by name and by name without suffix.

    A path that a table gives is tried as it is, then with a suffix, then as the end of a path: an
    id such as ``ISIC_0024306`` is found in whichever folder it is.

    Args:
        files: Paths relative to `base`, with forward slashes.
        base: The folder that the table's paths start at.
        suffix: Appended to every name, e.g. ``.png``; empty tries the usual ones where one lacks.
    """

    def __init__(self, files: Sequence[str], base: Path, suffix: str = "") -> None:
        self._files = frozenset(files)
        self._base = base
        self._suffixes = (suffix,) if suffix else SUFFIXES
        self._has_suffix = bool(suffix)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for file in files:
            self._by_name[posixpath.basename(file).casefold()].append(file)

    def resolve(self, text: str) -> str | SetAside:
        """Find the file that a table means.

        Returns:
            Its path relative to the base, absolute where the table's is; or why there is none.
        """
        path = clean(text)
        if is_absolute(path):
            return self._absolute(path)
        if path == ".." or path.startswith("../"):
            return SetAside(path, "its path leaves the folder; the option images names another")
        own = f"{self._base.name}/"
        for name in self._names(path):
            if name in self._files:
                return name
            if name.startswith(own) and name.removeprefix(own) in self._files:
                return name.removeprefix(own)
        for name in self._names(path):
            ends = self._ending(name)
            if len(ends) > 1:
                return SetAside(path, f"{len(ends)} files of that name in different folders")
            if ends:
                return ends[0]
        return SetAside(path, "no such file")

    def _ending(self, name: str) -> list[str]:
        """Files whose path ends like this, whatever upper and lower case."""
        end = f"/{name}".casefold()
        candidates = self._by_name.get(posixpath.basename(name).casefold(), ())
        return [file for file in candidates if f"/{file}".casefold().endswith(end)]

    def _names(self, path: str) -> list[str]:
        """What a file may be called: as it is given, and with a suffix where it has none."""
        if self._has_suffix and path.endswith(self._suffixes[0]):
            return [path]
        with_suffix = [path + suffix for suffix in self._suffixes]
        if self._has_suffix:
            return with_suffix
        return [path] if suffix_of(path) in SUFFIXES else [path, *with_suffix]

    def _absolute(self, path: str) -> str | SetAside:
        for name in self._names(path):
            if os.path.isfile(name):  # noqa: PTH113 (Path would be slow for 200,000 of them)
                inside = os.path.relpath(name, self._base).replace(os.sep, "/")
                return inside if inside in self._files else name
        return SetAside(path, "no such file")
