"""Which images must stay together: equal ones, near-copies, and those of one patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from automedimg.contracts import Record
from automedimg.data import caches, files
from automedimg.data.duplicates import CopyFinder, Symmetries, connected_groups
from automedimg.data.splits import IntArray

VERSION = 2
"""Raised whenever other copies would be found."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """What ties images together.

    Args:
        exact: Pairs of equal images, each with the first of its kind; int64 (P, 2).
        near: Pairs of near-copies that are not equal; int64 (P, 2).
        patients: Pairs of images of one patient, each with that patient's first; int64 (P, 2).
        groups: The group of each image; int64 (N,).
    """

    exact: IntArray
    near: IntArray
    patients: IntArray
    groups: IntArray

    @property
    def copies(self) -> IntArray:
        """Pairs of copies, equal or nearly so; int64 (P, 2)."""
        return np.concatenate([self.exact, self.near])


class Copies:
    """The near-copies among some pictures, looked for once and kept in a file.

    Args:
        thumbnails: uint8 (M, 64, 64), perhaps a memory map.
        folder: Where pairs are kept; None keeps none.
        key: Hash of the pictures.
        rows: Which of them count, int64 (N,), ascending; None takes all. The others must be blank:
            they are passed over without a copy of the rest being made.
        progress: Called with the number of pictures gone over.
        note: Hears what is damaged, what can't be kept, and that another process is waited for.
    """

    def __init__(
        self,
        thumbnails: npt.NDArray[np.uint8],
        folder: Path | None = None,
        key: str = "",
        *,
        rows: IntArray | None = None,
        progress: Callable[[int], None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self._thumbnails, self._folder, self._key = thumbnails, folder, key
        self._rows, self._progress = rows, progress
        self._note = note or (lambda _: None)
        self._finder: CopyFinder | None = None

    def pairs(self, symmetries: Symmetries) -> IntArray:
        """Return pairs i < j of copies among those that count, int64 (P, 2).

        Args:
            symmetries: Which turned copies count.
        """
        found = self._known_or_found(symmetries)
        if self._rows is None:
            return found
        return np.asarray(np.searchsorted(self._rows, found), dtype=np.int64)

    def _known_or_found(self, symmetries: Symmetries) -> IntArray:
        if self._folder is None:
            return self._find(symmetries)
        name = f"{self._key}-{len(self._thumbnails)}-{symmetries}-v{VERSION}.npy"
        path = files.make_folder(self._folder) / name
        known = self._open(path)
        if known is not None:
            return known
        waits = caches.Once(self._note, "another process is looking for copies: waiting for it")
        with caches.computing(path, waits):
            known = self._open(path)
            if known is not None:
                return known
            if path.exists():
                fault = caches.fault(path, deep=True)
                self._note(f"`{path}` in the cache is damaged and is made again: {fault}")
            found = self._find(symmetries)
            self._keep(path, found, symmetries)
        return found

    def _open(self, path: Path) -> IntArray | None:
        """Pairs that were found before; None if they were not, or are damaged."""
        if caches.fault(path, deep=True):
            return None
        try:
            known: IntArray = np.load(path, allow_pickle=False)
        except OSError:
            return None  # cleared meanwhile
        caches.note_time(path)
        return known

    def _keep(self, path: Path, found: IntArray, symmetries: Symmetries) -> None:
        about = {
            "what": f"{len(found)} pairs of {len(self._thumbnails)} images, turns: {symmetries}"
        }
        try:
            with caches.writing(path, about) as temporary:
                np.save(temporary, found)
        except OSError as error:
            self._note(f"the pairs of copies can't be kept for the next time: {error}")

    def _find(self, symmetries: Symmetries) -> IntArray:
        # It remembers what it saw: another protocol asks once more, for other turns.
        self._finder = self._finder or CopyFinder(self._thumbnails, self._progress)
        return self._finder.pairs(symmetries)


def find_groups(
    records: Sequence[Record],
    digests: Sequence[str],
    copies: Copies,
    symmetries: Symmetries = "all",
) -> Grouping:
    """Find what must not be torn apart.

    Args:
        records: The images.
        digests: Hash of each one's content.
        copies: Of the same images.
        symmetries: Which turned copies to look for.
    """
    num = len(records)
    exact = _same(digests)
    near = copies.pairs(symmetries)
    same = connected_groups(num, exact)
    near = np.asarray(near[same[near[:, 0]] != same[near[:, 1]]])
    patients = _same([record.group for record in records])
    groups = connected_groups(num, np.concatenate([exact, near, patients]))
    return Grouping(exact, near, patients, groups)


def _same(keys: Sequence[str | None]) -> IntArray:
    """Pairs of rows with the same key, each with the first of its kind; None is like nothing."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(key, row), row) for row, key in enumerate(keys) if key is not None]
    return np.asarray([pair for pair in pairs if pair[0] != pair[1]], np.int64).reshape(-1, 2)
