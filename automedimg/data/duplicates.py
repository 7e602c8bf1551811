"""Finds pictures that are copies of one another, so that no split tears them apart.

A copy is the same slice with its contrast, brightness or gamma changed, saved again as JPEG,
resized, or flipped. Two steps: a matrix product of short vectors picks pairs worth a look, a finer
correlation decides. The thresholds were chosen by looking at pairs on both sides of them;
`tests/bench/duplicates_quality.py` measures what they find and what they merge wrongly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from automedimg.data.similarity import (
    SIDE,
    DetailArray,
    coarse_vectors,
    detail_correlation,
    detail_of,
    turn_vectors,
)

Pairs: TypeAlias = npt.NDArray[np.int64]
"""Shape (P, 2), rows i < j, sorted."""

Symmetries: TypeAlias = Literal["none", "flips", "all"]

_BLANK_RANGE = 4  # grey levels between the darkest and the brightest pixel of an empty picture
_CHUNK = 512


Turn: TypeAlias = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
"""Flips or transposes the last two axes of an array."""


def _turn(rows: int, columns: int, transpose: bool) -> Turn:
    def turn(pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
        flipped = pictures[..., ::rows, ::columns]
        return np.swapaxes(flipped, -1, -2) if transpose else flipped

    return turn


_FLIPS = tuple(_turn(rows, columns, False) for rows in (1, -1) for columns in (1, -1))
_TURNS: dict[Symmetries, tuple[Turn, ...]] = {
    "none": _FLIPS[:1],
    "flips": _FLIPS,
    "all": (*_FLIPS, *(_turn(rows, columns, True) for rows in (1, -1) for columns in (1, -1))),
}


def find_copies(
    thumbnails: npt.NDArray[np.uint8],
    *,
    symmetries: Symmetries = "flips",
    min_correlation: float = 0.66,
    min_coarse: float = 0.45,
    block: int = 512,
) -> Pairs:
    """Find pairs of pictures that are copies of one another.

    Of pictures that agree in every pixel, each is paired with the first of them, and the first
    stands for all in other pairs: a thousand equal files give 999 pairs, not half a million.
    Blank pictures (less than 4 grey levels between darkest and brightest) are never paired, not
    even with their equals: an empty picture says nothing about where it came from.

    Args:
        thumbnails: uint8, shape (N, 64, 64), grey, each image stretched to the square.
        symmetries: Which turned copies to look for: none, flips (left-right, top-bottom, both),
            or all, which adds quarter turns and transposes.
        min_correlation: Correlation of the details of a copy, in (0, 1]. Different patients stay
            below 0.45 on brain MRI at full size; 28 x 28 chest X-rays reach 0.71.
        min_coarse: Dot product of the coarse vectors from which a pair is looked at, in (0, 1].
        block: Rows compared at once; memory is about 5 * block * N bytes besides 13 kB a picture.
    Returns:
        int64, shape (P, 2): pairs i < j, sorted. `connected_groups` turns them into groups.
    Raises:
        ValueError: `thumbnails` has another shape or dtype, or `symmetries` is unknown.
    """
    if thumbnails.dtype != np.uint8 or thumbnails.shape[1:] != (SIDE, SIDE):
        raise ValueError(
            f"expected uint8 (N, {SIDE}, {SIDE}), got {thumbnails.dtype} {thumbnails.shape}"
        )
    if symmetries not in _TURNS:
        raise ValueError(f"symmetries must be one of {', '.join(_TURNS)}; got {symmetries!r}")
    turns = _TURNS[symmetries]
    kept, equal = _split_equal(thumbnails)
    detail = detail_of(thumbnails[kept])
    found = [equal]
    for pairs, turn in _candidates(detail, turns, min_coarse, block):
        correlation = detail_correlation(turn(detail[pairs[:, 0]]), detail[pairs[:, 1]])
        found.append(kept[pairs[correlation >= min_correlation]])
    return np.unique(np.concatenate(found), axis=0)


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
    kept = np.fromiter(first_of.values(), np.int64, len(first_of))
    return kept, np.array(pairs, np.int64).reshape(-1, 2)


def _candidates(
    detail: DetailArray,
    turns: tuple[Turn, ...],
    min_coarse: float,
    block: int,
) -> Iterator[tuple[Pairs, Turn]]:
    """Yield at most `_CHUNK` pairs i < j at a time, with the turn that brings i nearest to j."""
    vectors = coarse_vectors(detail)
    for start in range(0, len(detail), block):
        rows = slice(start, start + block)
        best = vectors[rows] @ vectors[start:].T
        chosen = np.zeros(best.shape, np.int8)
        for number, turn in enumerate(turns[1:], start=1):
            # The block is turned, not the rest, so that no second copy of all vectors is needed.
            dots = turn_vectors(vectors[rows], turn) @ vectors[start:].T
            chosen[dots > best] = number
            np.maximum(best, dots, out=best)
        first, second = np.nonzero(best >= min_coarse)
        upper = second > first
        first, second = first[upper], second[upper]
        number_of = chosen[first, second]
        for number, turn in enumerate(turns):
            pairs = np.stack([first, second], axis=1)[number_of == number] + start
            for chunk in range(0, len(pairs), _CHUNK):
                yield pairs[chunk : chunk + _CHUNK], turn
