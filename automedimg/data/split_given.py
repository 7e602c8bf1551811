"""Splits that are not ours to choose: the publisher's sides, and images from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from automedimg.contracts import IntArray, SplitName
from automedimg.data.split_sides import SPLITS, TEST, TRAIN, VALIDATION, SplitArray
from automedimg.data.split_spreading import class_name, spread
from automedimg.errors import DataError

BY_GROUPS = "use the grouped split, which makes all three sides itself"


def published_split(
    given: Sequence[SplitName | None],
    labels: IntArray,
    groups: IntArray,
    fractions: tuple[float, float, float],
    seed: int,
    names: Sequence[str] = (),
) -> SplitArray:
    """Keep the sides that a publisher gave, and carve a missing one out of the training side.

    Given sides are kept to the image, also where they tear a group apart: `torn` and `leaking`
    tell. A carved side is stratified and made by groups, so it shares none with what is left of
    the training side. Of a group that the publisher put on train and test, only the train part
    can go to validation. A carved test side takes no group that has images on a given validation
    side. Where no image has a side, the split is `grouped_split`'s.

    Args:
        given: Side of each image, N of them; None where the publisher gave none.
        labels: int (N,), values in [0, K).
        groups: int (N,).
        fractions: Shares of train, validation and test that a carved side goes by: it gets the
            part of the training side that its share is of train and itself together.
        seed: Of the carving.
        names: Of the classes, for error messages.
    Returns:
        int8 (N,): 0 train, 1 validation, 2 test.
    Raises:
        DataError: some images have a side and others have none; there is no training side; a
            class is not on some side, or has too few groups for one to be carved.
    """
    codes = _codes(given)
    missing = [side for side in (VALIDATION, TEST) if not (codes == side).any()]
    if len(missing) == 2:
        rng = np.random.default_rng(seed)
        where = "train, validation and test"
        return spread(labels, groups, fractions, rng, names, where).astype(np.int8)
    if not (codes == TRAIN).any():
        raise DataError("the given split has no training images", BY_GROUPS)
    _check_classes(codes, labels, groups, missing, names)
    split = codes.astype(np.int8)
    for side in missing:
        share = fractions[side] / (fractions[TRAIN] + fractions[side])
        movable = codes == TRAIN
        if side == TEST:
            movable &= ~np.isin(groups, groups[codes == VALIDATION])
        _carve(split, np.flatnonzero(movable), side, share, labels, groups, seed, names)
    return split


def external_split(
    is_external: npt.NDArray[np.bool_],
    labels: IntArray,
    groups: IntArray,
    validation_share: float,
    seed: int,
    names: Sequence[str] = (),
) -> SplitArray:
    """Test on images from elsewhere, all of them; train and validate on the others, by groups.

    A group with images on both sides of that border stays torn: `torn` and `leaking` tell.

    Args:
        is_external: Which images are from elsewhere, bool (N,).
        labels: int (N,), values in [0, K).
        groups: int (N,).
        validation_share: What validation gets of the other images, in (0, 1).
        seed: Of train and validation.
        names: Of the classes, for error messages.
    Returns:
        int8 (N,): 0 train, 1 validation, 2 test.
    Raises:
        DataError: no image, or every image, is external; a class is missing among the external
            images, or has fewer than two groups among the others.
    """
    number, total = int(is_external.sum()), len(is_external)
    if number in (0, total):
        raise DataError(
            f"{number} of {total} images are external; expected some that are and some that aren't",
            "train and validation are made of the images that aren't",
        )
    codes = np.where(is_external, TEST, TRAIN)
    _check_classes(codes, labels, groups, [VALIDATION], names)
    split = codes.astype(np.int8)
    rest = np.flatnonzero(~is_external)
    _carve(split, rest, VALIDATION, validation_share, labels, groups, seed, names)
    return split


def _codes(given: Sequence[SplitName | None]) -> IntArray:
    """Side of each image as a number; all train where none has a side."""
    num_without = sum(side is None for side in given)
    if num_without == len(given):
        return np.full(len(given), TRAIN, dtype=np.int64)
    if num_without:
        raise DataError(
            f"{num_without} of {len(given)} images have no side in the given split",
            f"name a side for each, or none; or {BY_GROUPS}",
        )
    strange = sorted({str(side) for side in given} - set(SPLITS))
    if strange:
        raise DataError(f"unknown side `{strange[0]}`; expected one of {', '.join(SPLITS)}")
    return np.asarray([SPLITS.index(side) for side in given if side is not None], dtype=np.int64)


def _check_classes(
    codes: IntArray,
    labels: IntArray,
    groups: IntArray,
    missing: Sequence[int],
    names: Sequence[str],
) -> None:
    """Refuse sides that lack a class, all of them at once."""
    problems = []
    for label in range(max(int(labels.max()) + 1, len(names))):
        for side in range(len(SPLITS)):
            if side in missing or ((codes == side) & (labels == label)).any():
                continue
            number = len(np.unique(groups[labels == label]))
            problems.append(
                f"class {class_name(names, label)} has no images on the {SPLITS[side]} side "
                f"({number} group(s) elsewhere)"
            )
    if problems:
        raise DataError(
            f"{'; '.join(problems)}; every side needs images of every class",
            f"{BY_GROUPS}, or leave the class out",
        )


def _carve(
    split: SplitArray,
    rows: IntArray,
    side: int,
    share: float,
    labels: IntArray,
    groups: IntArray,
    seed: int,
    names: Sequence[str],
) -> None:
    """Move groups of some training images to another side, in place."""
    where = f"train and {SPLITS[side]}, made of the training images,"
    rng = np.random.default_rng((seed, side))
    if not len(rows):
        raise DataError(f"no images can be put into {where}", BY_GROUPS)
    sides = spread(
        labels[rows],
        groups[rows],
        (1.0 - share, share),
        rng,
        names,
        where,
        num_classes=int(labels.max()) + 1,
    )
    split[rows[sides == 1]] = side
