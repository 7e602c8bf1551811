"""Train, validation and test: stratified, and no group torn apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automedimg.contracts import IntArray
from automedimg.data.split_given import external_split, published_split
from automedimg.data.split_sides import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    SplitArray,
    leaking,
    torn,
)
from automedimg.data.split_spreading import spread

__all__ = [
    "SPLITS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "IntArray",
    "SplitArray",
    "external_split",
    "grouped_split",
    "leaking",
    "published_split",
    "random_split",
    "torn",
]


def grouped_split(
    labels: IntArray,
    groups: IntArray,
    fractions: tuple[float, float, float],
    seed: int,
    names: Sequence[str] = (),
) -> SplitArray:
    """Split so that every group is on one side and every class is spread as asked.

    Groups are dealt out from the largest to the smallest, each to the split that lacks most of
    what it holds, in proportion, among those with room for it; ties and the order of equals come
    from the seed. A class that misses its share by more than `TOLERANCE` is evened out then.

    Args:
        labels: int (N,), values in [0, K).
        groups: int (N,), the group of each image.
        fractions: Shares of train, validation and test; they sum to 1.
        seed: The same seed gives the same split.
        names: Of the classes, for error messages.
    Returns:
        int8 (N,): 0 train, 1 validation, 2 test.
    Raises:
        DataError: a class has fewer than three groups, so some split would lack it.
    """
    rng = np.random.default_rng(seed)
    where = "train, validation and test"
    return spread(labels, groups, fractions, rng, names, where).astype(np.int8)


def random_split(
    labels: IntArray,
    fractions: tuple[float, float, float],
    seed: int,
    names: Sequence[str] = (),
) -> SplitArray:
    """Split image by image, stratified by class, blind to groups: what many papers do.

    Copies and patients end up on several sides; it is there for comparison.

    Args, Returns, Raises: as `grouped_split`.
    """
    return grouped_split(labels, np.arange(len(labels)), fractions, seed, names)
