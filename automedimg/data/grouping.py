"""Which images must stay together: equal ones, near-copies, and those of one patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automedimg.contracts import Record
from automedimg.data.duplicates import Symmetries, connected_groups, find_copies
from automedimg.data.splits import IntArray


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


def find_groups(
    records: Sequence[Record],
    digests: Sequence[str],
    thumbnails: npt.NDArray[np.uint8],
    symmetries: Symmetries = "all",
) -> Grouping:
    """Find what must not be torn apart.

    Args:
        records: The images.
        digests: Hash of each one's content.
        thumbnails: uint8 (N, 64, 64).
        symmetries: Which turned copies to look for.
    """
    num = len(records)
    exact = _same(digests)
    near = find_copies(thumbnails, symmetries=symmetries)
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
