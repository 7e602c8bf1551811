"""Finds near neighbours among millions of short integer vectors without comparing all with all.

Vectors are whole numbers whose products stay below 2**24, so that float32 matrix products are
exact: the neighbours don't depend on the number of threads or on the order of summation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

LENGTH = 300
"""Length that vectors are scaled to before they are rounded."""

Rows: TypeAlias = npt.NDArray[np.int32]

_CHUNK = 4096
_TINY = 4096  # so few vectors are compared with all
_CELL_LIMIT = 8192  # vectors that look alike beyond this number are split further
_ROUNDS = 4
_LEARN_PER_CELL = 24


def quantise(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """Scale vectors to `LENGTH` and round them.

    Args:
        vectors: float32, shape (M, D).
    Returns:
        int8, shape (M, D); 0 where the vector is 0.
    """
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return np.clip(np.rint(vectors * (LENGTH / length)), -127, 127).astype(np.int8)


def neighbours(
    queries: npt.NDArray[np.int8],
    stored: npt.NDArray[np.int8],
    *,
    min_cosine: float,
    most: int,
    probes: int,
) -> Iterator[tuple[Rows, Rows, npt.NDArray[np.float32]]]:
    """Yield pairs of a query and a stored vector that point the same way.

    Stored vectors are put into about sqrt(M) cells by k-means; a query looks into the `probes`
    nearest cells. At most `most` neighbours, the nearest, are kept of each query and cell, and no
    cell holds more than 8192 vectors, so that work and memory are bounded whatever the vectors are:
    ``len(queries) * probes * 8192`` products and ``len(queries) * probes * most`` pairs.

    Args:
        queries: int8, shape (Q, D), from `quantise`.
        stored: int8, shape (M, D), from `quantise`.
        min_cosine: Cosine of the angle between the two, at least; in (0, 1].
        most: Neighbours kept of a query in one cell.
        probes: Cells that a query looks into.
    Yields:
        Query numbers and stored numbers, int32, and their products, float32, equally long.
    """
    least = int(min_cosine * LENGTH**2)
    if len(stored) <= _TINY:
        yield from _compare(queries, stored, np.arange(len(queries)), None, least, most)
        return
    centres = _centres(stored, 1 << int(np.ceil(np.log2(len(stored)) / 2 + 0.3)))
    homes = _nearest(stored, centres, 1)[:, 0]
    looked = _nearest(queries, centres, probes)
    members, member_ends = _by_cell(homes, len(centres))
    visits, visit_ends = _by_cell(looked.ravel(), len(centres))
    for cell in range(len(centres)):
        inside = members[member_ends[cell] : member_ends[cell + 1]]
        visitors = visits[visit_ends[cell] : visit_ends[cell + 1]] // looked.shape[1]
        for near, asking in _parts(queries, stored, visitors, inside):
            yield from _compare(queries, stored, asking, near, least, most)


def _compare(
    queries: npt.NDArray[np.int8],
    stored: npt.NDArray[np.int8],
    asking: npt.NDArray[Any],
    inside: npt.NDArray[Any] | None,
    least: int,
    most: int,
) -> Iterator[tuple[Rows, Rows, npt.NDArray[np.float32]]]:
    if not len(asking) or not len(stored):
        return
    held = (stored if inside is None else stored[inside]).astype(np.float32).T
    for start in range(0, len(asking), _CHUNK):
        rows = asking[start : start + _CHUNK]
        dots = queries[rows].astype(np.float32) @ held
        first, second = _best(dots, least, most)
        found = second if inside is None else inside[second]
        yield rows[first].astype(np.int32), found.astype(np.int32), dots[first, second]


def _best(
    dots: npt.NDArray[np.float32], least: int, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return row and column of the `most` biggest dots of each row, if they reach `least`."""
    first, second = np.divmod(np.flatnonzero(dots >= least), dots.shape[1])
    if not len(first) or np.bincount(first).max() <= most:
        return first, second
    # Equal dots are kept in the order of their columns, so that nothing is left to chance.
    order = np.lexsort((second, -dots[first, second], first))
    first, second = first[order], second[order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    return first[rank < most], second[rank < most]


def _parts(
    queries: npt.NDArray[np.int8],
    stored: npt.NDArray[np.int8],
    visitors: npt.NDArray[np.int64],
    inside: npt.NDArray[np.int64],
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Split a crowded cell along one direction; yield members and visitors of each part."""
    num = -(-len(inside) // _CELL_LIMIT)
    if num <= 1:
        if num:
            yield inside, visitors
        return
    direction = np.random.default_rng(0).integers(-8, 9, stored.shape[1]).astype(np.float32)
    place = _products(stored, inside, direction)
    order = np.argsort(place, kind="stable")
    bounds = [place[order[len(order) * part // num]] for part in range(1, num)]
    part_of = np.searchsorted(bounds, _products(queries, visitors, direction), side="right")
    for part, near in enumerate(np.array_split(inside[order], num)):
        yield near, visitors[part_of == part]


def _products(
    vectors: npt.NDArray[np.int8], rows: npt.NDArray[np.int64], direction: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    parts = [
        vectors[rows[start : start + _CHUNK]].astype(np.float32) @ direction
        for start in range(0, len(rows), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _centres(stored: npt.NDArray[np.int8], num: int) -> npt.NDArray[np.float32]:
    """K-means on a sample; the sums are of whole numbers and therefore exact."""
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(stored), min(len(stored), num * _LEARN_PER_CELL), replace=False))
    sample = stored[rows]
    centres = sample[:: max(1, len(sample) // num)][:num].astype(np.float32)
    for _ in range(_ROUNDS):
        home = _nearest(sample, centres, 1)[:, 0]
        order = np.argsort(home, kind="stable")
        present, starts = np.unique(home[order], return_index=True)
        sums = np.add.reduceat(sample[order].astype(np.int64), starts, axis=0)
        length = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
        centres[present] = np.rint(sums * (LENGTH / length))
    return centres


def _nearest(
    vectors: npt.NDArray[np.int8], centres: npt.NDArray[np.float32], num: int
) -> npt.NDArray[np.int32]:
    """Return the `num` nearest centres of each vector, int32 (M, num)."""
    nearest = np.empty((len(vectors), num), np.int32)
    for start in range(0, len(vectors), _CHUNK):
        dots = vectors[start : start + _CHUNK].astype(np.float32) @ centres.T
        every = np.arange(len(dots))
        for rank in range(num):
            best = dots.argmax(axis=1)
            nearest[start : start + _CHUNK, rank] = best
            dots[every, best] = -np.inf
    return nearest


def _by_cell(
    cells: npt.NDArray[np.int32], num: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the items ordered by cell, and where each cell begins and ends."""
    ends = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=num))])
    return np.argsort(cells, kind="stable"), ends
