"""From what a table calls an image to its file."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from automedimg.contracts import SetAside
from automedimg_tasks.folder_files import IMAGE_SUFFIXES, has_image_suffix

_ODD = ("\\", "./", "//")


def clean(text: str) -> str:
    """Write a path with forward slashes, without ``.`` and what ``..`` cancels."""
    text = text.strip()
    if not any(odd in text for odd in _ODD) and not text.endswith(("/", "..")):
        return text
    return posixpath.normpath(text.replace("\\", "/"))


def is_absolute(path: str) -> bool:
    """Whether a path starts at the root of a disk, on any system."""
    return path.startswith("/") or path[1:2] == ":"


class FileIndex:
    """The images below a folder, by path and by the end of their path, with and without suffix.

    So an id such as ``ISIC_0024306`` is found in whichever folder it is.

    Args:
        files: Paths relative to `base`, with forward slashes.
        base: The folder that the table's paths start at.
        suffix: Appended to names that lack it, e.g. ``.png``; empty finds any.
    """

    def __init__(self, files: Sequence[str], base: Path, suffix: str = "") -> None:
        self._files = frozenset(files)
        self._base = base
        self._suffix = suffix

    def resolve(self, text: str) -> str | SetAside:
        """Find the file that a table means.

        Returns:
            Its path relative to the base, absolute where it is elsewhere; or why there is none.
        """
        path = clean(text)
        if self._suffix and not path.endswith(self._suffix):
            path += self._suffix
        if path in self._files:
            return path
        if is_absolute(path):
            return self._absolute(path)
        if path == ".." or path.startswith("../"):
            return SetAside(path, "its path leaves the folder; the option images names another")
        # A table may count the data set's own folder among its paths.
        found = self._ending(path) or self._ending(path.removeprefix(f"{self._base.name}/"))
        if len(found) > 1:
            return SetAside(path, f"{len(found)} files of that name")
        return found[0] if found else SetAside(path, "no such file")

    def _ending(self, path: str) -> list[str]:
        """Files that are called so: at that place, or else whose path ends so."""
        wanted = path.casefold()
        # Two indices: "patient/image" keeps 10,000 files called `image.png` apart.
        ends = self._by_two_names if "/" in wanted else self._by_name
        candidates = ends.get(_end(wanted, "/" in wanted), ())
        there = [file for file in candidates if wanted in _names(file)]
        return there or [
            file for file in candidates if any(name.endswith(f"/{wanted}") for name in _names(file))
        ]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        return self._index(two_names=False)

    @cached_property
    def _by_two_names(self) -> dict[str, list[str]]:
        return self._index(two_names=True)

    def _index(self, two_names: bool) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for file in self._files:
            found[_end(file.casefold(), two_names)].append(file)
        return dict(found)

    def _absolute(self, path: str) -> str | SetAside:
        inside = os.path.relpath(path, self._base).replace(os.sep, "/")
        if inside in self._files:
            return inside
        found = [] if inside.startswith("../") else self._ending(inside)
        if len(found) == 1:
            return found[0]
        there = os.path.isfile(path)  # noqa: PTH113 (Path would be slow for 200,000 of them)
        return path if there else SetAside(path, "no such file")


def _end(path: str, two_names: bool) -> str:
    """The last name of a path, or the last two, without the suffix of an image."""
    parent, _, name = path.rpartition("/")
    stem, dot, end = name.rpartition(".")
    last = stem if dot and f".{end}" in IMAGE_SUFFIXES else name
    return f"{parent.rpartition('/')[2]}/{last}" if two_names else last


def _names(file: str) -> set[str]:
    """What a table may call a file, in one case: with the suffix of an image and without."""
    folded = file.casefold()
    return {folded, folded.rpartition(".")[0]} if has_image_suffix(folded) else {folded}
