"""Turning pictures and laying one over the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from automedimg.data.copy_align import correlation, lay, refine
from automedimg.data.copy_turns import BETWEEN, NUM_TURNS, turn, turn_points, upright


def smooth(num: int, side: int = 32) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(num, side, side))
    return gaussian_filter(noise, (0, 1.5, 1.5)).astype(np.float32)


@pytest.mark.parametrize("first", range(NUM_TURNS))
@pytest.mark.parametrize("second", range(NUM_TURNS))
def test_the_turn_between_two_turned_pictures(first: int, second: int) -> None:
    picture = np.arange(9).reshape(3, 3)
    other = turn(picture, int(BETWEEN[first, second]))
    np.testing.assert_array_equal(turn(picture, first), turn(other, second))


@pytest.mark.parametrize("number", range(NUM_TURNS))
def test_points_turn_with_their_picture(number: int) -> None:
    picture = np.zeros((8, 8))
    picture[2, 5] = 1
    point = turn_points(np.array([[2, 5]]), np.array([number]), 8)[0]
    assert turn(picture, number)[tuple(point)] == 1


def test_a_turned_patch_is_laid_the_same_way() -> None:
    patches = smooth(20, 7)
    reference, laid = upright(patches)
    for number in range(NUM_TURNS):
        again, how = upright(np.ascontiguousarray(turn(patches, number)))
        np.testing.assert_allclose(again, reference, atol=1e-6)
        # `laid` of the patch looks like `how` of the turned patch: between them lies the turn.
        assert (BETWEEN[laid, how] == number).all()


def test_an_unmoved_picture_is_laid_as_it_is() -> None:
    pictures = smooth(3)
    placement = np.tile(np.float32([1, 0, 1, 0]), (3, 1))
    np.testing.assert_allclose(lay(pictures, placement), pictures, atol=1e-5)


def test_refining_finds_scale_and_shift() -> None:
    pictures = smooth(30)
    rng = np.random.default_rng(1)
    truth = np.stack(
        [rng.uniform(0.85, 0.95, 30), rng.uniform(-0.05, 0.05, 30)] * 2, axis=1
    ).astype(np.float32)
    target = 3 * lay(pictures, truth)
    placement = truth + np.float32([0.04, 0.04, -0.04, -0.04])
    before = correlation(pictures, target, placement)
    for _ in range(5):
        placement = refine(pictures, target, placement)
    assert before.mean() < 0.85
    assert correlation(pictures, target, placement).min() > 0.97
    assert np.abs(placement - truth).max() < 0.02
