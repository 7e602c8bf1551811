"""Cross-validation: stratified folds that tear no group apart, plain and nested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automedimg.contracts import IntArray
from automedimg.data.split_sides import TEST, TRAIN, VALIDATION, SplitArray
from automedimg.data.split_spreading import spread
from automedimg.errors import DataError


def grouped_folds(
    labels: IntArray,
    groups: IntArray,
    num_folds: int,
    seed: int,
    names: Sequence[str] = (),
) -> IntArray:
    """Deal images out to folds of about one size, with every class on every fold.

    Args:
        labels: int (N,), values in [0, K).
        groups: int (N,); a group is on one fold.
        num_folds: At least 2.
        seed: The same seed gives the same folds.
        names: Of the classes, for error messages.
    Returns:
        int64 (N,), values in [0, num_folds).
    Raises:
        DataError: a class has fewer groups than there are folds, or its groups hold other classes
            in such a way that they can't be spread.
    """
    _check_number(num_folds, "folds")
    rng = np.random.default_rng((seed, num_folds))
    shares = [1.0 / num_folds] * num_folds
    return spread(labels, groups, shares, rng, names, f"{num_folds} folds", tolerance=0.0)


def fold_splits(
    labels: IntArray,
    groups: IntArray,
    num_folds: int,
    seed: int,
    names: Sequence[str],
    validation_share: float,
) -> list[SplitArray]:
    """Make a split for each fold: the fold is the test side, the rest train and validation.

    Args:
        labels, groups, num_folds, seed, names: As for `grouped_folds`.
        validation_share: What validation gets of the images outside the test fold, in (0, 1).
    Returns:
        int8 (N,) for each fold, 0 train, 1 validation, 2 test; every image is in one test side.
    Raises:
        DataError: as for `grouped_folds`; or a class has fewer than two groups outside some fold.
    """
    folds = grouped_folds(labels, groups, num_folds, seed, names)
    shares = (1.0 - validation_share, validation_share)
    splits = []
    for fold in range(num_folds):
        rest = np.flatnonzero(folds != fold)
        where = f"train and validation outside fold {fold + 1} of {num_folds}"
        rng = np.random.default_rng((seed, num_folds, fold))
        sides = spread(labels[rest], groups[rest], shares, rng, names, where)
        split = np.full(len(labels), TEST, dtype=np.int8)
        split[rest] = np.where(sides == 0, TRAIN, VALIDATION)
        splits.append(split)
    return splits


def nested_splits(
    labels: IntArray,
    groups: IntArray,
    num_folds: int,
    inner_folds: int,
    seed: int,
    names: Sequence[str] = (),
) -> list[list[SplitArray]]:
    """Make the splits of nested cross-validation.

    Args:
        labels, groups, num_folds, seed, names: As for `grouped_folds`; these are the outer folds.
        inner_folds: At least 2; each is the validation side once.
    Returns:
        For each outer fold, which is the test side, a split for each of its inner folds;
        int8 (N,), 0 train, 1 validation, 2 test.
    Raises:
        DataError: as for `grouped_folds`; or a class has fewer groups outside an outer fold than
            there are inner folds.
    Source: Varma & Simon (2006), BMC Bioinformatics 7:91.
    """
    _check_number(inner_folds, "inner folds")
    folds = grouped_folds(labels, groups, num_folds, seed, names)
    shares = [1.0 / inner_folds] * inner_folds
    nested = []
    for fold in range(num_folds):
        rest = np.flatnonzero(folds != fold)
        where = f"{inner_folds} inner folds outside fold {fold + 1} of {num_folds}"
        rng = np.random.default_rng((seed, num_folds, fold, inner_folds))
        inner = spread(labels[rest], groups[rest], shares, rng, names, where, tolerance=0.0)
        splits = []
        for chosen in range(inner_folds):
            split = np.full(len(labels), TEST, dtype=np.int8)
            split[rest] = np.where(inner == chosen, VALIDATION, TRAIN)
            splits.append(split)
        nested.append(splits)
    return nested


def _check_number(number: int, what: str) -> None:
    if number < 2:
        raise DataError(f"got {number} {what}; expected at least 2", "5 is a usual choice")
