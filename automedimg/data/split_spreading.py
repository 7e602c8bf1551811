"""Spread images over sides by groups, or say why that can't be done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automedimg.contracts import FloatArray, IntArray
from automedimg.data.split_dealing import TOLERANCE, deal_evenly
from automedimg.errors import DataError


def spread(
    labels: IntArray,
    groups: IntArray,
    fractions: Sequence[float],
    rng: np.random.Generator,
    names: Sequence[str],
    where: str,
    tolerance: float = TOLERANCE,
    num_classes: int = 0,
) -> IntArray:
    """Put images on sides, group by group: what every split here is made with.

    Args:
        labels: int (N,), values in [0, K).
        groups: int (N,).
        fractions: Share of each of S sides, above 0; they sum to 1.
        rng: Decides among equals.
        names: Of the classes, for error messages.
        where: What the sides are called in error messages, e.g. ``5 folds``.
        tolerance: Share of a class by which a side may miss its target; 0 is as even as possible.
        num_classes: K, where the last classes may be absent; 0 takes it from the labels.
    Returns:
        int64 (N,), values in [0, S).
    Raises:
        DataError: no images, or the classes can't be brought to every side.
    """
    shares: FloatArray = np.asarray(fractions, dtype=np.float64)
    if not len(labels):
        raise DataError(f"no images to put into {where}")
    if not (shares > 0).all():
        got = ", ".join(f"{share:g}" for share in shares)
        raise DataError(f"shares of {where} must be above 0; got {got}")
    members, counts = _count(labels, groups, num_classes)
    _check_spread(counts, names, len(shares), where)
    assignment = deal_evenly(counts, shares, rng, tolerance)
    if assignment is None:
        raise DataError(
            f"the classes can't be spread over {where} without tearing a group: "
            + _scarcest(counts, names),
            "add images of other patients",
        )
    return np.asarray(assignment[members])


def class_name(names: Sequence[str], label: int) -> str:
    """What a class is called in error messages."""
    return f"`{names[label]}`" if len(names) else f"number {label}"


def _count(labels: IntArray, groups: IntArray, num_classes: int) -> tuple[IntArray, IntArray]:
    """Group number of each image in [0, G), and images per group and class (G, K)."""
    _, members = np.unique(groups, return_inverse=True)
    counts = np.zeros((members.max() + 1, max(labels.max() + 1, num_classes)), dtype=np.int64)
    np.add.at(counts, (members, labels), 1)
    return members, counts


def _check_spread(counts: IntArray, names: Sequence[str], num_sides: int, where: str) -> None:
    present = (counts > 0).sum(axis=0)
    few = [
        f"{class_name(names, label)} has {number} independent group(s) of images"
        for label, number in enumerate(present)
        if number < num_sides
    ]
    if few:
        raise DataError(
            f"class {', class '.join(few)}; {where} need at least {num_sides} of every class",
            "add images of other patients, or leave the class out",
        )


def _scarcest(counts: IntArray, names: Sequence[str]) -> str:
    """The class with the fewest groups, and how many of them hold other classes too."""
    holds = counts > 0
    label = int(holds.sum(axis=0).argmin())
    own = holds[holds[:, label]]
    mixed = int((own.sum(axis=1) > 1).sum())
    return (
        f"class {class_name(names, label)} has {len(own)} independent group(s) of images, "
        f"{mixed} of which hold other classes too"
    )
