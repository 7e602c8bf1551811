"""Splits of a paper, as files for `--splits`, and what each of them leaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from automedimg.contracts import IntArray
from automedimg.data import files
from automedimg.data.folds import grouped_folds
from automedimg.data.prepare import PreparedData
from automedimg.data.split_spreading import spread
from automedimg.data.splits import (
    TEST,
    TRAIN,
    VALIDATION,
    SplitArray,
    grouped_split,
    leaking,
)
from automedimg.papers.protocol import Split


def make_sides(
    data: PreparedData,
    split: Split,
    protocol: str,
    folds: int | None,
    seed: int,
    names: tuple[str, ...],
) -> list[SplitArray]:
    """Split a data set: one test side, and the rest into train and validation.

    Args:
        data: The images, with their groups.
        split: Shares.
        protocol: ``random`` is blind to all groups, ``patients`` to copies, ``grouped`` to none.
        folds: Of the rest, each once the validation side; None makes one split by `split`'s share.
        seed: The same seed gives the same split.
        names: Of the classes, for error messages.
    Returns:
        int8 (N,) for each fold: 0 train, 1 validation, 2 test. All have the same test side.
    Raises:
        DataError: a class can't be spread.
    """
    labels, groups = data.labels, tied(data, protocol)
    if folds is None:
        share = split.validation or 0.0
        fractions = (1.0 - split.test - share, share, split.test)
        return [grouped_split(labels, groups, fractions, seed, names)]
    rng = np.random.default_rng((seed, folds))
    shares = (1.0 - split.test, split.test)
    outer = spread(labels, groups, shares, rng, names, "training and test")
    rest = np.flatnonzero(outer == 0)
    dealt = grouped_folds(labels[rest], groups[rest], folds, seed, names)
    made = []
    for fold in range(folds):
        sides = np.full(len(labels), TEST, dtype=np.int8)
        sides[rest] = np.where(dealt == fold, VALIDATION, TRAIN)
        made.append(sides)
    return made


def tied(data: PreparedData, protocol: str) -> IntArray:
    """What a way to split keeps together: int64 (N,), a number for each group."""
    if protocol == "grouped":
        return data.groups
    if protocol == "random":
        return np.arange(len(data.labels), dtype=np.int64)
    known: dict[str, int] = {}
    numbers = [
        len(data.records) + row if record.group is None else known.setdefault(record.group, row)
        for row, record in enumerate(data.records)
    ]
    return np.asarray(numbers, dtype=np.int64)


def describe_sides(sides: SplitArray, groups: IntArray) -> dict[str, Any]:
    """Count a split's sides, and the images whose copy or patient a model was trained on.

    Args:
        sides: int8 (N,).
        groups: Of patients and copies, int64 (N,).
    Returns:
        ``train``, ``validation``, ``test`` (images), ``leaking_test`` (with a relative in training
        or validation) and ``leaking_validation`` (with one in training).
    """
    seen = np.unique(groups[sides == TRAIN])
    inside = sides == VALIDATION
    return {
        "train": int((sides == TRAIN).sum()),
        "validation": int(inside.sum()),
        "test": int((sides == TEST).sum()),
        "leaking_test": int(leaking(sides, groups).sum()),
        "leaking_validation": int(np.isin(groups[inside], seen).sum()),
    }


def write_sides(path: Path, data: PreparedData, sides: SplitArray) -> None:
    """Write a split as `automedimg search --splits` takes it."""
    files.make_folder(path.parent)
    files.write_text(path, data.splits_csv(sides))
