"""Finds pictures that are copies of one another, so that no split tears them apart.

A copy is the same picture with its contrast, brightness or gamma changed, saved again as JPEG,
resized, flipped, turned, or with up to 10 % cropped off each side and stretched back. Candidates
come from what whole pictures show and from the spots that two pictures share; a correlation of
fine details, laid over each other where one is a crop, decides; where small files left few details,
more of them must agree, or broad structure as well. The thresholds were chosen by looking at pairs
on both sides of them; `tests/bench/duplicates_quality.py` measures what they find and what they
merge wrongly, `tests/bench/duplicates_scale.py` how long that takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from automedimg.data.copy_confirm import cropped, unmoved
from automedimg.data.copy_survey import Survey, survey
from automedimg.data.copy_threads import in_order, one_product_a_thread
from automedimg.data.copy_turns import ALLOWED, Symmetries
from automedimg.data.copy_votes import Candidates, shared_spots
from automedimg.data.copy_whole import EXHAUSTIVE, compare_all, look_up
from automedimg.data.files import forget_pages
from automedimg.data.similarity import SIDE

__all__ = ["CopyFinder", "Pairs", "Symmetries", "connected_groups", "find_copies"]

Pairs: TypeAlias = npt.NDArray[np.int64]
"""Shape (P, 2), rows i < j, sorted."""

_BLANK_RANGE = 4  # grey levels between the darkest and the brightest pixel of an empty picture
_CHUNK = 256
_PAGES = 16_384  # pictures after which a memory map's pages are given back: 67 MB
_LOOKS = 50_000  # candidates looked at closely, besides one a picture


class CopyFinder:
    """Finds pairs of pictures that are copies of one another.

    Of pictures that agree in every pixel, each is paired with the first of them, and the first
    stands for all in other pairs: a thousand equal files give 999 pairs, not half a million.
    Blank pictures (less than 4 grey levels between darkest and brightest) are never paired, not
    even with their equals: an empty picture says nothing about where it came from.

    Up to 8192 pictures are all compared with all; more are looked up in an index. Work is bounded
    where very many look alike: at most 24 candidates of a picture and 50,000 + N in all are
    looked at closely (100 N where all are compared), so that a crowd of alike pictures is tied
    together by some of its pairs. The pairs don't depend on the number of threads.

    Args:
        thumbnails: uint8, shape (N, 64, 64), grey, each image stretched to the square. A memory
            map is read piece by piece.
        progress: Called with the number of pictures gone over, the longest step for few pictures.
    Raises:
        ValueError: `thumbnails` has another shape or dtype.
    """

    def __init__(
        self,
        thumbnails: npt.NDArray[np.uint8],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if thumbnails.dtype != np.uint8 or thumbnails.shape[1:] != (SIDE, SIDE):
            raise ValueError(
                f"expected uint8 (N, {SIDE}, {SIDE}), got {thumbnails.dtype} {thumbnails.shape}"
            )
        self._thumbnails, self._progress = thumbnails, progress
        self._seen: tuple[Survey, Pairs] | None = None

    def pairs(
        self,
        symmetries: Symmetries = "flips",
        *,
        min_correlation: float = 0.66,
        min_aligned: float = 0.78,
        min_coarse: float = 0.45,
    ) -> Pairs:
        """Find them; a second time, for other turns, no picture is gone over again if they are few.

        Args:
            symmetries: Which turned copies to look for: none, flips (left-right, top-bottom, both),
                or all, which adds quarter turns and transposes.
            min_correlation: Correlation of the details of a copy, in (0, 1], where details are
                fine. Different patients stay below 0.45 on brain MRI at full size; 28 x 28 chest
                X-rays reach 0.71, and pictures as coarse as that must correlate by 0.78 to 0.96 or
                be alike broadly.
            min_aligned: The same once one picture was laid over the other, which helps strangers
                too.
            min_coarse: Dot product of the coarse vectors from which a pair is looked at, in (0, 1].
        Returns:
            int64, shape (P, 2): pairs i < j, sorted. `connected_groups` turns them into groups.
        Raises:
            ValueError: `symmetries` is unknown.
        """
        if symmetries not in ALLOWED:
            raise ValueError(f"symmetries must be one of {', '.join(ALLOWED)}; got {symmetries!r}")
        turns = ALLOWED[symmetries]
        with one_product_a_thread():
            seen, equal = self._survey()
            if len(seen.kept) < 2:
                return np.unique(equal, axis=0)
            whole = _whole(seen, turns, min_coarse)
            found = [equal, _confirmed(seen, whole, partial(unmoved, seen, least=min_correlation))]
            apart = connected_groups(len(self._thumbnails), np.concatenate(found))[seen.kept]
            shared = shared_spots(seen.spots, apart, turns, _most(len(seen.kept)))
            found.append(_confirmed(seen, shared, partial(cropped, seen, least=min_aligned)))
        return np.unique(np.concatenate(found), axis=0)

    def _survey(self) -> tuple[Survey, Pairs]:
        """Go over the pictures, or return what was kept of the last time."""
        if self._seen is not None:
            return self._seen
        kept, equal = _split_equal(self._thumbnails)
        found = survey(self._thumbnails, kept, self._progress), equal
        if found[0].details is not None:
            self._seen = found
        return found


def find_copies(
    thumbnails: npt.NDArray[np.uint8],
    *,
    symmetries: Symmetries = "flips",
    min_correlation: float = 0.66,
    min_aligned: float = 0.78,
    min_coarse: float = 0.45,
    progress: Callable[[int], None] | None = None,
) -> Pairs:
    """Find pairs of pictures that are copies of one another, once; see `CopyFinder`."""
    return CopyFinder(thumbnails, progress).pairs(
        symmetries,
        min_correlation=min_correlation,
        min_aligned=min_aligned,
        min_coarse=min_coarse,
    )


def connected_groups(num: int, pairs: Pairs) -> npt.NDArray[np.int64]:
    """Number the groups that pairs connect.

    Args:
        num: How many items there are.
        pairs: int, shape (P, 2), values in [0, num).
    Returns:
        int64, shape (num,): the group of each item; groups are numbered 0, 1, 2... by their first
        item.
    """
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(num, num))
    _, labels = connected_components(links, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    # The rank of a group's first item among all first items is the group's number.
    numbers: npt.NDArray[np.int64] = np.argsort(np.argsort(first)).astype(np.int64)
    return numbers[inverse]


def _split_equal(thumbnails: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], Pairs]:
    """Return the first of each kind of non-blank picture, and its pairs with its exact copies."""
    first_of: dict[bytes, int] = {}
    pairs: list[tuple[int, int]] = []
    for index, picture in enumerate(thumbnails):
        if int(picture.max()) - int(picture.min()) < _BLANK_RANGE:
            continue
        first = first_of.setdefault(hashlib.sha256(picture.tobytes()).digest(), index)
        if first != index:
            pairs.append((first, index))
        if index % _PAGES == _PAGES - 1:
            forget_pages(thumbnails)
    kept = np.fromiter(first_of.values(), np.int64, len(first_of))
    return kept, np.array(pairs, np.int64).reshape(-1, 2)


def _most(num: int) -> int:
    return _LOOKS + num


def _whole(seen: Survey, turns: int, least: float) -> Candidates:
    """Return the candidates by what whole pictures show."""
    num = len(seen.kept)
    if num <= EXHAUSTIVE:
        return compare_all(seen.details_of(np.arange(num)), turns, least)
    return look_up(seen.small, turns, _most(num))


def _confirmed(
    seen: Survey,
    candidates: Candidates,
    is_copy: Callable[[Candidates], npt.NDArray[np.bool_]],
) -> Pairs:
    """Return the rows of the candidates that are copies."""
    parts = [
        candidates[np.arange(start, min(start + _CHUNK, len(candidates.pairs)))]
        for start in range(0, len(candidates.pairs), _CHUNK)
    ]
    found = [part.pairs[good] for part, good in zip(parts, in_order(is_copy, parts), strict=True)]
    pairs = np.concatenate(found) if found else np.empty((0, 2), np.int64)
    return seen.kept[pairs]
