"""Sides that others chose are kept to the image; what is missing is carved without a leak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from automedimg.contracts import SplitName
from automedimg.data.splits import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    external_split,
    grouped_split,
    leaking,
    published_split,
    torn,
)
from automedimg.errors import DataError

SHARES = (0.6, 0.15, 0.25)
NAMES = ("healthy", "tumour")
SIDES: dict[str, SplitName] = {"t": "train", "v": "validation", "s": "test"}


def sides(text: str) -> list[SplitName | None]:
    """Sides by letter: t train, v validation, s test, anything else none."""
    return [SIDES.get(letter) for letter in text]


def codes(given: Sequence[SplitName | None]) -> npt.NDArray[np.int64]:
    return np.array([SPLITS.index(side) for side in given if side])


def test_a_complete_split_is_kept_as_it_is() -> None:
    given = sides("ttvvssttvvss")
    labels = np.arange(12) % 2
    split = published_split(given, labels, np.arange(12) // 4, SHARES, 0, NAMES)
    np.testing.assert_array_equal(split, codes(given))
    assert split.dtype == np.int8


def test_a_missing_validation_side_comes_out_of_train() -> None:
    rng = np.random.default_rng(0)
    labels, groups = (rng.random(400) < 0.3).astype(np.int64), np.arange(400) // 2
    given = sides("t" * 300 + "s" * 100)
    split = published_split(given, labels, groups, SHARES, 1, NAMES)
    assert (split[300:] == TEST).all()
    assert not (split[:300] == TEST).any()
    assert len(torn(split, groups)) == 0
    for label in (0, 1):
        share = np.mean(split[:300][labels[:300] == label] == VALIDATION)
        assert share == pytest.approx(0.15 / 0.75, abs=0.03)
    again = published_split(given, labels, groups, SHARES, 1, NAMES)
    assert np.array_equal(split, again)
    assert not np.array_equal(split, published_split(given, labels, groups, SHARES, 2, NAMES))


@settings(max_examples=80, deadline=None, derandomize=True)
@examples(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 12), st.sampled_from("tttss")),
        min_size=10,
        max_size=80,
    ),
    st.integers(0, 50),
)
def test_of_a_torn_group_only_the_train_part_moves(
    images: list[tuple[int, int, str]], seed: int
) -> None:
    images = [*images, (0, 50, "s"), (1, 51, "s")]
    labels, groups = (np.array([image[i] for image in images]) for i in (0, 1))
    given = sides("".join(image[2] for image in images))
    try:
        split = published_split(given, labels, groups, SHARES, seed)
    except DataError:
        return
    was_test = np.array([side == "test" for side in given])
    np.testing.assert_array_equal(split == TEST, was_test)
    assert len(torn(split[~was_test], groups[~was_test])) == 0
    for label in np.unique(labels):
        assert set(split[labels == label]) == {TRAIN, VALIDATION, TEST}


def test_a_missing_test_side_takes_no_group_of_the_validation_side() -> None:
    groups = np.arange(120) // 4
    labels = groups % 2
    given = sides("tttv" * 10 + "tttt" * 20)  # the first ten groups are on train and validation
    split = published_split(given, labels, groups, SHARES, 0, NAMES)
    np.testing.assert_array_equal(split == VALIDATION, [side == "validation" for side in given])
    assert not leaking(split, groups).any()
    assert np.mean(split[40:] == TEST) == pytest.approx(0.25 / 0.85, abs=0.06)


def test_a_test_side_is_not_carved_without_a_class() -> None:
    labels, groups = np.repeat([0, 1], [20, 4]), np.repeat(np.arange(12), 2)
    given = sides("tttvtttvtttvtttvtttv" + "tvtv")  # both of the second class's groups are torn
    with pytest.raises(DataError, match="class `tumour` has 0 independent"):
        published_split(given, labels, groups, SHARES, 0, NAMES)


@pytest.mark.parametrize("letter", ["t", "-"])
def test_where_nothing_is_held_out_the_split_is_ours(letter: str) -> None:
    labels, groups = np.arange(60) % 2, np.arange(60) // 3
    split = published_split(sides(letter * 60), labels, groups, SHARES, 5, NAMES)
    np.testing.assert_array_equal(split, grouped_split(labels, groups, SHARES, 5))


def test_images_without_a_side_are_counted() -> None:
    with pytest.raises(DataError, match="2 of 6 images have no side") as caught:
        published_split(sides("tt-s-v"), np.arange(6) % 2, np.arange(6), SHARES, 0)
    assert "grouped" in (caught.value.hint or "")


def test_no_training_side_is_refused() -> None:
    with pytest.raises(DataError, match="no training images"):
        published_split(sides("vvss"), np.arange(4) % 2, np.arange(4), SHARES, 0)


def test_every_class_that_a_side_lacks_is_named() -> None:
    labels = np.array([0, 1, 0, 0, 1, 1])
    with pytest.raises(DataError) as caught:
        published_split(sides("ttvvss"), labels, np.arange(6), SHARES, 0, NAMES)
    assert "class `tumour` has no images on the validation side (3 group(s)" in caught.value.message
    assert "class `healthy` has no images on the test side (3 group(s)" in caught.value.message
    assert "train side" not in caught.value.message


def test_too_few_groups_to_carve_from_are_refused_with_the_number_needed() -> None:
    labels, groups = np.array([0] * 6 + [1] * 6), np.array([0, 1, 2, 3, 4, 5] + [9] * 5 + [10])
    given = sides("tttttstttt" + "ts")
    with pytest.raises(
        DataError, match=r"class `tumour` has 1 independent .*train and validation.* at least 2"
    ):
        published_split(given, labels, groups, SHARES, 0, NAMES)


def test_images_from_elsewhere_are_the_test_side_whole() -> None:
    rng = np.random.default_rng(3)
    labels, groups = rng.integers(0, 2, 200), np.arange(200) // 3
    external = np.arange(200) >= 150
    split = external_split(external, labels, groups, 0.2, 0, NAMES)
    np.testing.assert_array_equal(split == TEST, external)
    assert len(torn(split, groups)) == 0
    assert np.mean(split[:150] == VALIDATION) == pytest.approx(0.2, abs=0.02)


def test_a_group_that_is_here_and_elsewhere_is_told_as_torn() -> None:
    labels, groups = np.arange(40) % 2, np.arange(40) // 2
    groups[39] = 0
    split = external_split(np.arange(40) >= 30, labels, groups, 0.3, 0)
    assert torn(split, groups).tolist() == [0]
    assert np.flatnonzero(leaking(split, groups)).tolist() == [39]


@pytest.mark.parametrize("external", [np.zeros(8, bool), np.ones(8, bool)])
def test_external_images_need_others(external: npt.NDArray[np.bool_]) -> None:
    with pytest.raises(DataError, match=f"{external.sum()} of 8 images are external"):
        external_split(external, np.arange(8) % 2, np.arange(8), 0.2, 0)


def test_external_images_need_every_class() -> None:
    labels = np.array([0, 1] * 5 + [0, 0])
    with pytest.raises(DataError, match="class `tumour` has no images on the test side"):
        external_split(np.arange(12) >= 10, labels, np.arange(12), 0.2, 0, NAMES)


def test_torn_names_the_groups() -> None:
    split = np.array([TRAIN, TEST, TRAIN, VALIDATION, VALIDATION, TEST], np.int8)
    assert torn(split, np.array([7, 7, 3, 3, 5, 1])).tolist() == [3, 7]
    assert torn(split, np.arange(6)).tolist() == []
