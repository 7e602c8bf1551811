"""One pass over the pictures: all that candidates for copies are found by, and confirmed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automedimg.data.copy_index import quantise
from automedimg.data.copy_spots import (
    PER_PICTURE,
    PER_PICTURE_OF_MANY,
    Spots,
    find_spots,
    structure_of,
)
from automedimg.data.copy_threads import in_order
from automedimg.data.copy_whole import EXHAUSTIVE
from automedimg.data.files import forget_pages
from automedimg.data.similarity import DetailArray, detail_of

_CHUNK = 256
_MANY = 50_000
_PAGES = 64 * _CHUNK  # pictures after which a memory map's pages are given back: 67 MB
_COARSE_SIDE = 32
_SMALL_SIDE = 16
_COARSE_GREY = 64  # steps of a coarse value of 1


@dataclass(frozen=True, slots=True)
class Survey:
    """What candidates are found by.

    Args:
        thumbnails: All pictures, uint8 (N, 64, 64), maybe on disk.
        kept: Rows of those that are compared, int64 (K,). All else counts in these.
        spots: Their spots.
        coarse: Their structure in 64ths, int8 (K, 32, 32).
        small: Their structure as vectors for the index, int8 (K, 256).
        details: Their details, where there are no more than 8192; else None.
    """

    thumbnails: npt.NDArray[np.uint8]
    kept: npt.NDArray[np.int64]
    spots: Spots
    coarse: npt.NDArray[np.int8]
    small: npt.NDArray[np.int8]
    details: DetailArray | None = None

    def pictures(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Read the thumbnails of some pictures."""
        return self.thumbnails[self.kept[rows]]

    def details_of(self, rows: npt.NDArray[np.int64]) -> DetailArray:
        """Return the details of some pictures, of the shape of `rows` and (64, 64)."""
        if self.details is not None:
            return self.details[rows]
        once, place = np.unique(rows, return_inverse=True)
        return detail_of(self.pictures(once))[place.reshape(rows.shape)]


def survey(
    thumbnails: npt.NDArray[np.uint8],
    kept: npt.NDArray[np.int64],
    progress: Callable[[int], None] | None = None,
) -> Survey:
    """Go over the pictures once.

    Args:
        thumbnails: uint8, shape (N, 64, 64).
        kept: Rows that are compared, int64 (K,).
        progress: Called with the number of pictures done.
    """

    most = PER_PICTURE if len(kept) <= _MANY else PER_PICTURE_OF_MANY

    details: DetailArray | None = None
    if len(kept) <= EXHAUSTIVE:  # 67 MB at most
        details = np.empty((len(kept), *thumbnails.shape[1:]), np.float16)

    def look(start: int) -> tuple[Spots, npt.NDArray[np.int8], npt.NDArray[np.int8]]:
        pictures = thumbnails[kept[start : start + _CHUNK]]
        if details is not None:
            details[start : start + _CHUNK] = detail_of(pictures)
        detail = structure_of(pictures)
        coarse = _shrink(detail, _COARSE_SIDE)
        small = quantise(_shrink(detail, _SMALL_SIDE).reshape(len(detail), -1))
        spread = np.clip(np.rint(coarse * _COARSE_GREY), -127, 127).astype(np.int8)
        return find_spots(detail, start, most), spread, small

    # Room for all, so that no second copy is needed to join them; what stays empty costs nothing.
    room = Spots.empty(len(kept) * most)
    filled = 0
    coarse = np.empty((len(kept), _COARSE_SIDE, _COARSE_SIDE), np.int8)
    small = np.empty((len(kept), _SMALL_SIDE**2), np.int8)
    starts = range(0, len(kept), _CHUNK)
    for start, part in zip(starts, in_order(look, starts), strict=True):
        rows = slice(start, start + _CHUNK)
        room.write(filled, part[0])
        filled += len(part[0].picture)
        coarse[rows], small[rows] = part[1], part[2]
        if start % _PAGES == 0:
            forget_pages(thumbnails)
        if progress:
            progress(min(start + _CHUNK, len(kept)))
    return Survey(thumbnails, kept, room[:filled], coarse, small, details)


def _shrink(detail: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    step = detail.shape[-1] // side
    cells = detail.reshape(len(detail), side, step, side, step)
    shrunk: npt.NDArray[np.float32] = cells.mean(axis=(2, 4))
    return shrunk
