"""Folds: no group torn, every class on every fold, as even as scikit-learn's or evener."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from automedimg.data.folds import fold_splits, grouped_folds, nested_splits
from automedimg.data.splits import TEST, TRAIN, VALIDATION, torn
from automedimg.errors import DataError

Ints = npt.NDArray[np.int64]

PATIENTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=24)


def unfold(groups: list[list[int]]) -> tuple[Ints, Ints]:
    """Labels and group numbers of images, given the labels of each group's images."""
    labels = [label for group in groups for label in group]
    members = [number * 5 + 2 for number, group in enumerate(groups) for _ in group]
    return np.array(labels, np.int64), np.array(members, np.int64)


def fewest_groups(labels: Ints, groups: Ints) -> int:
    return min(len(np.unique(groups[labels == k])) for k in range(labels.max() + 1))


def patients(num: int, classes: int, seed: int) -> tuple[Ints, Ints]:
    """Patients with one to many images, most of one class."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(1 + rng.pareto(1.5, num) * 2, 80).astype(int)
    own = rng.integers(0, classes, num)
    groups = [
        np.where(rng.random(size) < 0.85, label, rng.integers(0, classes, size)).tolist()
        for size, label in zip(sizes, own, strict=True)
    ]
    return unfold(groups)


def imbalance(labels: Ints, folds: Ints, num_folds: int) -> tuple[float, float]:
    """Worst miss of a class's even share, and of a fold's even size, as shares."""
    counts = np.zeros((num_folds, labels.max() + 1))
    np.add.at(counts, (folds, labels), 1)
    per_class = np.bincount(labels)
    by_class = np.abs(counts - per_class / num_folds) / per_class
    by_size = np.abs(counts.sum(axis=1) / len(labels) - 1 / num_folds)
    return float(by_class.max()), float(by_size.max())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(groups=PATIENTS, num_folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_groups_stay_whole_and_classes_are_everywhere(
    groups: list[list[int]], num_folds: int, seed: int
) -> None:
    labels, members = unfold(groups)
    try:
        folds = grouped_folds(labels, members, num_folds, seed)
    except DataError as error:
        assert fewest_groups(labels, members) < num_folds or "without tearing" in error.message
        return
    assert len(torn(folds.astype(np.int8), members)) == 0
    for label in range(labels.max() + 1):
        assert set(folds[labels == label]) == set(range(num_folds))
    assert np.array_equal(folds, grouped_folds(labels, members, num_folds, seed))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    groups=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=2, max_size=8),
    num_folds=st.integers(2, 3),
)
def test_what_is_refused_can_not_be_done(groups: list[list[int]], num_folds: int) -> None:
    labels, members = unfold(groups)
    holds = np.array([[k in group for k in range(labels.max() + 1)] for group in groups])
    assume(holds.any(axis=0).all())
    ways = product(range(num_folds), repeat=len(groups))
    possible = any(
        all(holds[np.array(way) == fold].any(axis=0).all() for fold in range(num_folds))
        for way in ways
    )
    try:
        grouped_folds(labels, members, num_folds, 0)
    except DataError:
        assert not possible
    else:
        assert possible


@pytest.mark.parametrize("num_folds", [3, 5])
@pytest.mark.parametrize(("num", "classes"), [(30, 2), (80, 3), (200, 4)])
def test_folds_are_as_even_as_scikit_learns(num: int, classes: int, num_folds: int) -> None:
    ours, theirs = [], []
    for seed in range(5):
        labels, members = patients(num, classes, seed)
        folds = grouped_folds(labels, members, num_folds, seed)
        ours.append(imbalance(labels, folds, num_folds))
        other = np.zeros(len(labels), dtype=np.int64)
        judge = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes with fewer images than folds
            for fold, (_, test) in enumerate(judge.split(labels, labels, members)):
                other[test] = fold
        theirs.append(imbalance(labels, other, num_folds))
    assert (np.mean(ours, axis=0) <= np.mean(theirs, axis=0) + 1e-9).all()


def test_images_of_their_own_are_spread_to_the_image() -> None:
    labels = np.repeat([0, 1, 2], [101, 52, 7])
    folds = grouped_folds(labels, np.arange(160), 5, 3)
    assert sorted(np.bincount(folds)) == [32] * 5
    for label, number in enumerate([101, 52, 7]):
        spread = np.bincount(folds[labels == label], minlength=5)
        assert set(spread) <= {number // 5, number // 5 + 1}


def test_the_seed_decides() -> None:
    labels, members = patients(60, 2, 0)
    one, other = (grouped_folds(labels, members, 5, seed) for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert one.dtype == np.int64


def test_a_class_of_few_patients_is_named_with_what_is_needed() -> None:
    labels, members = unfold([*[[0]] * 9, [1, 1], [1], [1]])
    with pytest.raises(
        DataError, match=r"class `tumour` has 3 independent .*; 5 folds need at least 5"
    ):
        grouped_folds(labels, members, 5, 0, ["healthy", "tumour"])
    with pytest.raises(DataError, match="got 1 folds; expected at least 2"):
        grouped_folds(labels, members, 1, 0)


def test_each_fold_is_the_test_side_once() -> None:
    labels, members = patients(60, 2, 4)
    splits = fold_splits(labels, members, 4, 7, (), 0.25)
    folds = grouped_folds(labels, members, 4, 7)
    assert len(splits) == 4
    for fold, split in enumerate(splits):
        assert split.dtype == np.int8
        np.testing.assert_array_equal(split == TEST, folds == fold)
        assert len(torn(split, members)) == 0
        rest = split != TEST
        assert np.mean(split[rest] == VALIDATION) == pytest.approx(0.25, abs=0.08)
        for label in (0, 1):
            assert set(split[labels == label]) == {TRAIN, VALIDATION, TEST}


def test_two_folds_need_two_groups_of_a_class_outside_each() -> None:
    labels, members = unfold([*[[0]] * 9, [1], [1], [1]])
    with pytest.raises(DataError, match=r"class number 1 has 1 .*outside fold \d of 2 need at"):
        fold_splits(labels, members, 2, 0, (), 0.2)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(groups=PATIENTS, seed=st.integers(0, 99))
def test_nested_folds_tear_nothing_and_rotate_validation(
    groups: list[list[int]], seed: int
) -> None:
    labels, members = unfold(groups)
    try:
        nested = nested_splits(labels, members, 3, 2, seed)
    except DataError as error:
        assert "inner folds" in error.message or "3 folds" in error.message
        return
    assert [len(splits) for splits in nested] == [2, 2, 2]
    for splits in nested:
        tests = [split == TEST for split in splits]
        assert np.array_equal(tests[0], tests[1])
        times = np.sum([split == VALIDATION for split in splits], axis=0)
        assert np.array_equal(times == 1, ~tests[0])
        for split in splits:
            assert len(torn(split, members)) == 0
            for label in range(labels.max() + 1):
                assert set(split[labels == label]) == {TRAIN, VALIDATION, TEST}
    assert np.array_equal(
        np.sum([splits[0] == TEST for splits in nested], axis=0), [1] * len(labels)
    )
