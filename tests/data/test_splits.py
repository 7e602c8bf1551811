"""No group on two sides, every class on every side, and the same again for the same seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automedimg.data.splits import TEST, TRAIN, VALIDATION, grouped_split, leaking, random_split
from automedimg.errors import DataError

Ints = npt.NDArray[np.int64]
SHARES = (0.64, 0.16, 0.20)


def unfold(groups: list[list[int]]) -> tuple[Ints, Ints]:
    """Labels and group numbers of images, given the labels of each group's images."""
    labels = [label for group in groups for label in group]
    members = [number * 7 - 3 for number, group in enumerate(groups) for _ in group]
    return np.array(labels, np.int64), np.array(members, np.int64)


def groups_per_class(labels: Ints, groups: Ints) -> list[int]:
    return [len(np.unique(groups[labels == label])) for label in range(labels.max() + 1)]


def assert_sound(split: npt.NDArray[np.int8], labels: Ints, groups: Ints) -> None:
    for group in np.unique(groups):
        assert len(np.unique(split[groups == group])) == 1
    for label in np.unique(labels):
        assert set(split[labels == label]) == {TRAIN, VALIDATION, TEST}
    assert split.shape == labels.shape


PURE = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 9)).map(lambda pair: [pair[0]] * pair[1]),
    min_size=3,
    max_size=30,
)
MIXED = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=3, max_size=30)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(groups=PURE, seed=st.integers(0, 10**6))
def test_groups_of_one_class_are_split_wherever_three_are_there(
    groups: list[list[int]], seed: int
) -> None:
    labels, members = unfold(groups)
    if min(groups_per_class(labels, members)) < 3:
        with pytest.raises(DataError):
            grouped_split(labels, members, SHARES, seed)
        return
    assert_sound(grouped_split(labels, members, SHARES, seed), labels, members)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(groups=MIXED, seed=st.integers(0, 10**6))
def test_groups_of_several_classes_are_split_soundly_or_not_at_all(
    groups: list[list[int]], seed: int
) -> None:
    labels, members = unfold(groups)
    enough = min(groups_per_class(labels, members)) >= 3
    try:
        split = grouped_split(labels, members, SHARES, seed)
    except DataError as error:
        assert not enough or "without tearing" in error.message
        return
    assert enough
    assert_sound(split, labels, members)


@pytest.mark.parametrize("shares", [SHARES, (0.5, 0.25, 0.25), (0.8, 0.1, 0.1)])
def test_many_small_groups_are_spread_as_asked(shares: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(5)
    groups = [[int(rng.random() < 0.3)] * int(rng.integers(1, 4)) for _ in range(400)]
    labels, members = unfold(groups)
    split = grouped_split(labels, members, shares, 0)
    assert_sound(split, labels, members)
    for side, share in enumerate(shares):
        assert np.mean(split == side) == pytest.approx(share, abs=0.01)
        for label in (0, 1):
            assert np.mean(split[labels == label] == side) == pytest.approx(share, abs=0.02)


def test_one_giant_group_goes_to_training() -> None:
    labels, members = unfold([[0] * 500, *[[0]] * 60, *[[1]] * 60])
    for seed in range(8):
        split = grouped_split(labels, members, SHARES, seed)
        assert_sound(split, labels, members)
        assert set(split[:500]) == {TRAIN}


def test_the_seed_decides_and_nothing_else() -> None:
    labels, members = unfold([[i % 2] * (1 + i % 3) for i in range(90)])
    first = grouped_split(labels, members, SHARES, 1)
    assert np.array_equal(first, grouped_split(labels, members, SHARES, 1))
    assert not np.array_equal(first, grouped_split(labels, members, SHARES, 2))
    assert first.dtype == np.int8


def test_a_random_split_tears_groups() -> None:
    labels, members = unfold([[i % 2] * 4 for i in range(50)])
    split = random_split(labels, SHARES, 0)
    torn = [len(np.unique(split[members == group])) > 1 for group in np.unique(members)]
    assert np.mean(torn) > 0.5
    for side, share in enumerate(SHARES):
        for label in (0, 1):
            assert np.mean(split[labels == label] == side) == pytest.approx(share, abs=0.01)
    assert np.array_equal(split, random_split(labels, SHARES, 0))
    assert not np.array_equal(split, random_split(labels, SHARES, 1))


def test_leaking_counts_test_images_whose_group_is_elsewhere() -> None:
    split = np.array([TRAIN, TEST, TEST, VALIDATION, TEST, TEST, TRAIN], np.int8)
    groups = np.array([0, 0, 1, 2, 2, 1, 3])
    expected = [False, True, False, False, True, False, False]
    assert leaking(split, groups).tolist() == expected


def test_a_grouped_split_leaks_nothing_and_a_random_one_does() -> None:
    labels, members = unfold([[i % 2] * 4 for i in range(50)])
    assert not leaking(grouped_split(labels, members, SHARES, 0), members).any()
    assert leaking(random_split(labels, SHARES, 0), members).sum() > 20


@pytest.mark.parametrize("split", [grouped_split, random_split])
def test_a_class_of_two_images_is_named(split: object) -> None:
    labels = np.array([0] * 9 + [1] * 2)
    with pytest.raises(DataError, match=r"class `tumour` has 2 .*at least 3") as caught:
        if split is grouped_split:
            grouped_split(labels, np.arange(11), SHARES, 0, ["healthy", "tumour"])
        else:
            random_split(labels, SHARES, 0, ["healthy", "tumour"])
    assert caught.value.hint


def test_many_images_of_two_patients_are_not_enough() -> None:
    labels, members = unfold([*[[0]] * 9, [1] * 50, [1] * 50])
    with pytest.raises(DataError, match="class number 1 has 2 independent"):
        grouped_split(labels, members, SHARES, 0)


def test_three_groups_of_a_class_go_to_three_sides() -> None:
    labels, members = unfold([*[[0]] * 100, [1] * 30, [1], [1]])
    for seed in range(10):
        split = grouped_split(labels, members, SHARES, seed)
        assert sorted(split[[100, 130, 131]]) == [TRAIN, VALIDATION, TEST]
