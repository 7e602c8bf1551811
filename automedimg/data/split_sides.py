"""What the sides of a split are called, and which groups are torn between them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.contracts import IntArray, SplitName

SplitArray: TypeAlias = npt.NDArray[np.int8]

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)


def leaking(splits: SplitArray, groups: IntArray) -> npt.NDArray[np.bool_]:
    """Which test images have a member of their group in training or validation.

    Returns:
        bool (N,); False for images that are not in the test split.
    """
    seen = np.unique(groups[splits != TEST])
    return np.asarray((splits == TEST) & np.isin(groups, seen))


def torn(splits: SplitArray, groups: IntArray) -> IntArray:
    """The groups that are on more than one side.

    Args:
        splits: Side of each image, int (N,).
        groups: Group of each image, int (N,).
    Returns:
        int64 (T,), ascending.
    """
    pairs = np.unique(np.column_stack([groups, splits]).astype(np.int64), axis=0)
    found, sides = np.unique(pairs[:, 0], return_counts=True)
    return np.asarray(found[sides > 1])
