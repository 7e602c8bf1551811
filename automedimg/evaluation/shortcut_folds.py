"""Which images are looked at, and the folds that no group is torn over."""

from __future__ import annotations

import numpy as np

from automedimg.contracts.metrics import IntArray

MIN_GROUPS = 20
"""Of each class that a sample keeps where there are as many."""


def groups_per_class(labels: IntArray, groups: IntArray, num_classes: int) -> IntArray:
    """Count the groups that show each class; int array, shape (num_classes,)."""
    pairs = np.unique(np.column_stack([labels, groups]), axis=0)
    return np.bincount(pairs[:, 0], minlength=num_classes)


def sample_rows(labels: IntArray, groups: IntArray, most: int, seed: int) -> IntArray:
    """Choose images, group by group, with even shares for the classes.

    A class too small for its share is kept whole and leaves room to the others: AUC and the
    model's weights don't depend on how frequent a class is. Only where a few groups are
    so large that they alone would exceed `most` are they thinned out.

    Args:
        labels: int array, shape (N,), values in [0, K).
        groups: int array, shape (N,).
        most: How many images to choose, or so.
        seed: The same seed chooses the same images.
    Returns:
        int array of row numbers, rising; all of them if there are no more than `most`.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    codes, strata = _strata(labels, groups)
    row_strata = strata[codes]
    sizes = np.bincount(row_strata)
    chosen, room = [], most
    for turn, stratum in enumerate(np.argsort(sizes, kind="stable")):
        share = room // (len(sizes) - turn)
        rows = _some_groups(np.flatnonzero(row_strata == stratum), codes, share, rng)
        chosen.append(rows)
        room = max(room - len(rows), 0)
    return np.sort(np.concatenate(chosen))


def deal_folds(labels: IntArray, groups: IntArray, num_folds: int, seed: int) -> IntArray:
    """Deal groups into folds of about the same size and mix of classes.

    Class by class and from the largest group to the smallest, groups go to the folds in turn,
    back and forth. Every class that enough groups show is thus in every fold.

    Args:
        labels: int array, shape (N,), values in [0, K).
        groups: int array, shape (N,).
        num_folds: How many folds.
        seed: Of the order of equally large groups.
    Returns:
        int array, shape (N,): the fold of each image.
    """
    codes, strata = _strata(labels, groups)
    sizes = np.bincount(codes)
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), -sizes, strata))
    lap, place = np.divmod(np.arange(len(sizes)), num_folds)
    folds = np.empty(len(sizes), dtype=np.int64)
    folds[order] = np.where(lap % 2, num_folds - 1 - place, place)
    return folds[codes]


def _strata(labels: IntArray, groups: IntArray) -> tuple[IntArray, IntArray]:
    """Group number of each image, and of each group its rarest class, as a rank among classes."""
    codes = np.unique(groups, return_inverse=True)[1]
    present, numbers = np.unique(labels, return_inverse=True)
    rank = np.argsort(np.argsort(np.bincount(numbers), kind="stable"), kind="stable")
    strata = np.full(int(codes.max()) + 1, len(present))
    np.minimum.at(strata, codes, rank[numbers])
    return codes, np.unique(strata, return_inverse=True)[1]


def _some_groups(rows: IntArray, codes: IntArray, share: int, rng: np.random.Generator) -> IntArray:
    """Rows of randomly chosen groups, about `share` of them."""
    names, members = np.unique(codes[rows], return_inverse=True)
    order = rng.permutation(len(names))
    fits = int(np.searchsorted(np.cumsum(np.bincount(members)[order]), share, side="right"))
    wanted = np.zeros(len(names), dtype=bool)
    wanted[order[: max(fits, MIN_GROUPS)]] = True
    kept = rows[wanted[members]]
    if fits < MIN_GROUPS and len(kept) > share:
        kept = rng.choice(kept, max(share, MIN_GROUPS), replace=False)
    return kept
