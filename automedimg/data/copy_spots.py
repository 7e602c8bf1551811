"""The spots of a picture: small neighbourhoods that a crop leaves as they are.

A crop that is stretched back moves everything, up to six pixels in a thumbnail, and no comparison
pixel by pixel survives that. What lies around one spot stays together, only a little bigger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter

from automedimg.data.copy_index import quantise
from automedimg.data.copy_turns import upright
from automedimg.data.similarity import SIDE, band_detail

PER_PICTURE = 18
"""Most spots of one picture."""

PER_PICTURE_OF_MANY = 13
"""The same where there are so many pictures that time and memory count."""

LARGER = 1.18
"""Size of a larger patch. A crop of 10 % on each side makes everything 1.25 times bigger: patches
of the two sizes meet halfway."""

_NOISE_SIGMA = 1.5
_STRUCTURE_SIGMA = 2.4
_STRENGTH_SIGMA = 4.0
_FLAT_GREY = 0.7
_MIN_DETAIL = 0.3
_MARGIN = 9
_STEP = 3.0  # pixels between the samples of a patch
_HALF = 3


@dataclass(frozen=True, slots=True)
class Spots:
    """The spots of many pictures, ordered by picture.

    Args:
        picture: The picture of each spot, int32 (M,).
        place: Row and column, int8 (M, 2).
        patch: What is around it, upright, int8 (M, 49).
        turn: The turn that made the patch upright, int8 (M,).
        large_patch: The same over a neighbourhood 18 % larger.
        large_turn: The turn that made the larger patch upright.
    """

    picture: npt.NDArray[np.int32]
    place: npt.NDArray[np.int8]
    patch: npt.NDArray[np.int8]
    turn: npt.NDArray[np.int8]
    large_patch: npt.NDArray[np.int8]
    large_turn: npt.NDArray[np.int8]

    @staticmethod
    def empty(num: int) -> Spots:
        """Make room for a number of spots."""
        size = (2 * _HALF + 1) ** 2
        shapes = ((), (2,), (size,), (), (size,), ())
        kinds = (np.int32, np.int8, np.int8, np.int8, np.int8, np.int8)
        return Spots(*(np.empty((num, *s), k) for s, k in zip(shapes, kinds, strict=True)))

    def write(self, at: int, other: Spots) -> None:
        """Write others here, from row `at` on."""
        for name in Spots.__slots__:
            values = getattr(other, name)
            getattr(self, name)[at : at + len(values)] = values

    def __getitem__(self, rows: slice | npt.NDArray[np.bool_]) -> Spots:
        """Return some of them; a view where `rows` is a slice."""
        return Spots(*(getattr(self, name)[rows] for name in Spots.__slots__))


def structure_of(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the structure that spots are found in, float32 (N, 64, 64)."""
    return band_detail(thumbnails, _NOISE_SIGMA, _STRUCTURE_SIGMA, _STRENGTH_SIGMA, _FLAT_GREY)


def find_spots(detail: npt.NDArray[np.float32], first: int = 0, most: int = PER_PICTURE) -> Spots:
    """Find the strongest spots of pictures.

    Args:
        detail: What `structure_of` returned, float32 (N, 64, 64).
        first: Number of the first picture.
        most: Spots of one picture at most.
    """
    strength = np.abs(detail)
    inner = np.zeros((SIDE, SIDE), bool)
    inner[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = True
    peak = inner & (strength >= _MIN_DETAIL) & (strength == maximum_filter(strength, (1, 5, 5)))
    score = np.where(peak, strength, np.float32(0)).reshape(len(detail), SIDE * SIDE)
    chosen = np.argpartition(-score, most, axis=1)[:, :most]
    picture, number = np.nonzero(np.take_along_axis(score, chosen, axis=1) > 0)
    row, column = np.divmod(chosen[picture, number], SIDE)
    patch, turn = _patches(detail, picture, row, column, _STEP)
    large_patch, large_turn = _patches(detail, picture, row, column, _STEP * LARGER)
    place = np.stack([row, column], axis=1).astype(np.int8)
    numbers = (picture + first).astype(np.int32)
    return Spots(numbers, place, patch, turn, large_patch, large_turn)


def _patches(
    detail: npt.NDArray[np.float32],
    picture: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int64],
    step: float,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """Sample 7 x 7 values around each spot, between pixels where need be, and lay them upright."""
    offsets = np.arange(-_HALF, _HALF + 1) * step
    rows = np.clip(row[:, None] + offsets, 0, SIDE - 1.001).astype(np.float32)[:, :, None]
    columns = np.clip(column[:, None] + offsets, 0, SIDE - 1.001).astype(np.float32)[:, None, :]
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, right = rows - top, columns - left
    which = picture[:, None, None]
    above = detail[which, top, left] * (1 - right) + detail[which, top, left + 1] * right
    below = detail[which, top + 1, left] * (1 - right) + detail[which, top + 1, left + 1] * right
    values = above * (1 - down) + below * down
    values -= values.mean(axis=(1, 2), keepdims=True)
    patches, turns = upright(values)
    return quantise(patches.reshape(len(patches), -1)), turns
