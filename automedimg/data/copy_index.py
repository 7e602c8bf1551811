"""Finds near neighbours among millions of short integer vectors without comparing all with all.

Vectors are whole numbers whose products stay below 2**24, so that float32 matrix products are
exact: the neighbours don't depend on the number of threads or on the order of summation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data.copy_threads import in_order

LENGTH = 300
"""Length that vectors are scaled to before they are rounded."""

Rows: TypeAlias = npt.NDArray[np.int32]
Found: TypeAlias = tuple[Rows, Rows, npt.NDArray[np.float32]]
"""Query numbers, numbers of stored vectors, their products; equally long."""

_CHUNK = 2048
_ASSIGNED = 65536
_TINY = 4096  # so few vectors are compared with all
_CELL_LIMIT = 4096  # vectors that look alike beyond this number are split further
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
    whole: npt.NDArray[np.int8] = np.clip(np.rint(vectors * (LENGTH / length)), -127, 127).astype(
        np.int8
    )
    return whole


class Index:
    """Vectors in cells of two levels: about sqrt(sqrt(M)) cells, each split into as many.

    Args:
        stored: int8, shape (M, D), from `quantise`.
    """

    def __init__(self, stored: npt.NDArray[np.int8]) -> None:
        self._stored = stored
        self._width = 1
        if len(stored) > _TINY:
            self._width = 1 << int(np.ceil(np.log2(len(stored)) / 4 + 0.2))
            self._learn()
        cells = self._cells(stored, 1).ravel()
        self._members, self._ends = _by_cell(cells, self._width**2)

    def neighbours(
        self, queries: npt.NDArray[np.int8], *, min_cosine: float, most: int, probes: int
    ) -> Iterator[Found]:
        """Yield pairs of a query and a stored vector that point the same way.

        At most `most` neighbours, the nearest, are kept of each query and cell, and no cell holds
        more than 4096 vectors, so that work and memory are bounded whatever the vectors are: by
        ``Q * probes * 4096`` products and ``Q * probes * most`` pairs.

        Args:
            queries: int8, shape (Q, D), from `quantise`.
            min_cosine: Cosine of the angle between the two, at least; in (0, 1].
            most: Neighbours kept of a query in one cell.
            probes: Outer cells that a query looks into; of each, into the nearest inner one.
        Yields:
            Query numbers and stored numbers, int32, and their products, float32.
        """
        least = int(min_cosine * LENGTH**2)
        looked = self._cells(queries, min(probes, self._width))
        visits, ends = _by_cell(looked.ravel(), self._width**2)

        def look(cell: int) -> list[Found]:
            inside = self._members[self._ends[cell] : self._ends[cell + 1]]
            visitors = visits[ends[cell] : ends[cell + 1]] // looked.shape[1]
            return [
                found
                for near, asking in _parts(queries, self._stored, visitors, inside)
                for found in _compare(queries, self._stored, asking, near, least, most)
            ]

        for found in in_order(look, range(self._width**2)):
            yield from found

    def _learn(self) -> None:
        rng = np.random.default_rng(0)
        num = min(len(self._stored), self._width**2 * _LEARN_PER_CELL)
        sample = self._stored[np.sort(rng.choice(len(self._stored), num, replace=False))]
        self._outer = _centres(sample, self._width)
        home = _nearest(sample, self._outer, 1)[:, 0]
        self._inner = [_centres(sample[home == cell], self._width) for cell in range(self._width)]

    def _cells(self, vectors: npt.NDArray[np.int8], num: int) -> Rows:
        """Return the nearest cells of each vector, int32 (M, num)."""
        cells = np.zeros((len(vectors), num), np.int32)
        if self._width == 1:
            return cells

        def assign(start: int) -> None:
            part = vectors[start : start + _ASSIGNED]
            homes = _nearest(part, self._outer, num)
            for rank in range(num):
                order, ends = _by_cell(homes[:, rank], self._width)
                for cell in range(self._width):
                    rows = order[ends[cell] : ends[cell + 1]]
                    nearest = _nearest(part[rows], self._inner[cell], 1)[:, 0]
                    cells[start + rows, rank] = cell * self._width + nearest

        deque(in_order(assign, range(0, len(vectors), _ASSIGNED)), maxlen=0)
        return cells


def _compare(
    queries: npt.NDArray[np.int8],
    stored: npt.NDArray[np.int8],
    asking: npt.NDArray[Any],
    inside: npt.NDArray[Any],
    least: int,
    most: int,
) -> Iterator[Found]:
    held = stored[inside].astype(np.float32).T
    for start in range(0, len(asking), _CHUNK):
        rows = asking[start : start + _CHUNK]
        dots = queries[rows].astype(np.float32) @ held
        first, second = _best(dots, least, most)
        pairs = rows[first].astype(np.int32), inside[second].astype(np.int32)
        yield *pairs, dots[first, second]


def _best(
    dots: npt.NDArray[np.float32], least: int, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return row and column of the `most` biggest dots of each row, if they reach `least`."""
    near = dots >= least
    crowded = np.flatnonzero(np.count_nonzero(near, axis=1) > most)
    near[crowded] = False
    first, second = np.divmod(np.flatnonzero(near), dots.shape[1])
    if not len(crowded):
        return first, second
    best = np.argpartition(dots[crowded], -most, axis=1)[:, -most:]
    return (
        np.concatenate([first, np.repeat(crowded, most)]),
        np.concatenate([second, best.ravel()]),
    )


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
    rng = np.random.default_rng(0)
    direction: npt.NDArray[Any] = rng.integers(-8, 9, (stored.shape[1],)).astype(np.float32)
    place = _products(stored, inside, direction)
    order = np.argsort(place, kind="stable")
    bounds = np.array([place[order[len(order) * part // num]] for part in range(1, num)])
    part_of = np.searchsorted(bounds, _products(queries, visitors, direction), side="right")
    for part, near in enumerate(np.array_split(inside[order], num)):
        yield near, visitors[part_of == part]


def _products(
    vectors: npt.NDArray[np.int8], rows: npt.NDArray[np.int64], direction: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    parts = [
        vectors[rows[start : start + _CHUNK]].astype(np.float32) @ direction
        for start in range(0, len(rows), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _centres(sample: npt.NDArray[np.int8], num: int) -> npt.NDArray[np.float32]:
    """K-means of at most `num` cells; the sums are of whole numbers and therefore exact."""
    if not len(sample):
        return np.zeros((1, sample.shape[1]), np.float32)
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
        for rank in range(min(num, len(centres))):
            best = dots.argmax(axis=1)
            nearest[start : start + _CHUNK, rank:] = best[:, None]
            dots[every, best] = -np.inf
    return nearest


def _by_cell(
    cells: npt.NDArray[np.int32], num: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the items ordered by cell, and where each cell begins and ends."""
    ends = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=num))])
    return np.argsort(cells, kind="stable"), ends
