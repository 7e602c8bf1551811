"""Train, validation and test: stratified, and no group torn apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.errors import DataError

IntArray: TypeAlias = npt.NDArray[np.int64]
SplitArray: TypeAlias = npt.NDArray[np.int8]

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)


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
    from the seed.

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
    members, counts = _count(labels, groups)
    _check_spread(counts, names)
    assignment = _deal(counts, np.asarray(fractions), np.random.default_rng(seed))
    _fill_gaps(assignment, counts)
    return assignment[members].astype(np.int8)


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


def leaking(splits: SplitArray, groups: IntArray) -> npt.NDArray[np.bool_]:
    """Which test images have a member of their group in training or validation.

    Returns:
        bool (N,); False for images that are not in the test split.
    """
    seen = np.unique(groups[splits != TEST])
    return np.asarray((splits == TEST) & np.isin(groups, seen))


def _count(labels: IntArray, groups: IntArray) -> tuple[IntArray, IntArray]:
    """Group number of each image in [0, G), and images per group and class (G, K)."""
    _, members = np.unique(groups, return_inverse=True)
    counts = np.zeros((members.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(counts, (members, labels), 1)
    return members, counts


def _check_spread(counts: IntArray, names: Sequence[str]) -> None:
    spread = (counts > 0).sum(axis=0)
    for label, number in enumerate(spread):
        if number < len(SPLITS):
            name = f"`{names[label]}`" if names else f"number {label}"
            raise DataError(
                f"class {name} has {number} independent group(s) of images; train, validation "
                f"and test need at least {len(SPLITS)} of every class",
                "add images of other patients, or leave the class out",
            )


def _deal(
    counts: IntArray, fractions: npt.NDArray[np.float64], rng: np.random.Generator
) -> IntArray:
    per_class = counts.sum(axis=0)
    lacking = fractions[:, None] * per_class[None, :]
    assignment = np.zeros(len(counts), dtype=np.int64)
    shuffled = rng.permutation(len(counts))
    by_size = shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]
    for group in by_size:
        # What a split lacks is measured against its own target, so that small splits get their
        # share of the large groups too, but none that would overflow them.
        want = (lacking / (fractions[:, None] * per_class)) @ (counts[group] / per_class)
        room = lacking.sum(axis=1)
        fits = room >= counts[group].sum()
        want = np.where(fits, want, -np.inf) if fits.any() else room
        best = np.flatnonzero(np.isclose(want, want.max()))
        split = int(rng.choice(best))
        assignment[group] = split
        lacking[split] -= counts[group]
    return assignment


def _fill_gaps(assignment: IntArray, counts: IntArray) -> None:
    """Give every split at least one group of every class, taking from where there are most."""
    for _ in range(counts.shape[1] * len(SPLITS)):
        present = np.stack([(counts[assignment == s] > 0).sum(axis=0) for s in range(len(SPLITS))])
        gaps = np.argwhere(present == 0)
        if not len(gaps):
            return
        split, label = gaps[0]
        donors = np.flatnonzero((counts[:, label] > 0) & _spare(assignment, counts, present))
        if not len(donors):
            break
        assignment[donors[np.argmin(counts[donors].sum(axis=1))]] = split
    raise DataError(
        "the classes can't be spread over train, validation and test without tearing a group",
        "add images of other patients",
    )


def _spare(assignment: IntArray, counts: IntArray, present: IntArray) -> npt.NDArray[np.bool_]:
    """Groups whose split would keep every class if they left it."""
    leaves = present[assignment] - (counts > 0)
    return np.asarray(((leaves > 0) | (counts == 0)).all(axis=1))
