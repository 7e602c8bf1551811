"""One scale for whatever is stored."""

from __future__ import annotations

import numpy as np
import pytest

from automedimg.data.levels import grey_levels
from automedimg.errors import DataError


def test_bytes_are_taken_as_they_are() -> None:
    found = grey_levels(np.array([[0, 1], [254, 255]], np.uint8))
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 1], [254, 255]]


def test_the_white_of_16_bits_is_that_of_8() -> None:
    stored = np.array([0, 257, 65535, 128, 300], np.uint16)
    found = grey_levels(stored)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0, 1, 255, 128 / 257, 300 / 257], rtol=1e-6)
    eight = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(grey_levels(eight.astype(np.uint16) * 257), grey_levels(eight))


def test_features_are_left_alone() -> None:
    stored = np.array([-3.5, 0, 1e9], np.float32)
    np.testing.assert_array_equal(grey_levels(stored), stored)


@pytest.mark.parametrize("dtype", ["int16", "float64", "bool"])
def test_other_types_are_named(dtype: str) -> None:
    with pytest.raises(DataError, match=f"type {dtype}; expected uint8, uint16 or float32"):
        grey_levels(np.zeros(3, dtype))
