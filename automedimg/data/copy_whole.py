"""Candidates by what whole pictures show: copies turned or recoloured, but not cropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.data.copy_index import LENGTH, Index
from automedimg.data.copy_threads import in_order
from automedimg.data.copy_turns import BETWEEN, turn
from automedimg.data.copy_votes import Candidates, join_candidates, strongest
from automedimg.data.similarity import DetailArray, coarse_vectors

EXHAUSTIVE = 8192
"""So many pictures are all compared with all."""

_EXACT_LENGTH = 4000  # its square is below 2**24: products of whole numbers stay exact
_BLOCK = 512
_MOST = 100  # candidates of one picture; more of them are only met through each other

_GRID = 16
_MIN_COSINE = 0.6
_NEAREST = 8
_PROBES = 3


def compare_all(details: DetailArray, num_turns: int, least: float) -> Candidates:
    """Compare all pictures with all.

    Args:
        details: Of the pictures, shape (N, 64, 64).
        num_turns: Turns numbered below this are allowed.
        least: Dot product of the coarse vectors of a candidate.
    Returns:
        At most 100 candidates j > i of a picture i.
    """
    vectors = np.rint(coarse_vectors(details) * _EXACT_LENGTH)
    side = int(np.sqrt(vectors.shape[1]))

    def compare(start: int) -> Candidates:
        rows = vectors[start : start + _BLOCK]
        best = rows @ vectors[start:].T
        chosen = np.zeros(best.shape, np.int8)
        for number in range(1, num_turns):
            # The block is turned, not the rest, so that no second copy of all vectors is needed.
            turned = turn(rows.reshape(-1, side, side), number).reshape(rows.shape)
            dots = turned @ vectors[start:].T
            chosen[dots > best] = number
            np.maximum(best, dots, out=best)
        first, second = np.nonzero(best >= least * _EXACT_LENGTH**2)
        upper = second > first
        first, second = first[upper], second[upper]
        score = best[first, second]
        rank = _rank(first, score)
        first, second, score = first[rank < _MOST], second[rank < _MOST], score[rank < _MOST]
        pairs = np.stack([first, second], axis=1) + start
        return _candidates(pairs, chosen[first, second], score / _EXACT_LENGTH**2)

    blocks = in_order(compare, range(0, len(vectors), _BLOCK))
    return join_candidates([_none(), *blocks])


def look_up(small: npt.NDArray[np.int8], num_turns: int, most: int) -> Candidates:
    """Find near neighbours by an index: for more pictures than can be compared with one another.

    Args:
        small: Structure of the pictures as index vectors, int8 (N, 256).
        num_turns: Turns numbered below this are allowed.
        most: Pairs returned at most; see `strongest`.
    """
    index = Index(small)
    square = small.reshape(-1, _GRID, _GRID)
    found = _none()
    for number in range(num_turns):
        queries = np.ascontiguousarray(turn(square, number)).reshape(small.shape)
        parts = [found]
        for first, second, dots in index.neighbours(
            queries, min_cosine=_MIN_COSINE, most=_NEAREST, probes=_PROBES
        ):
            other = first != second
            low, high = np.minimum(first, second)[other], np.maximum(first, second)[other]
            turns = np.where(first > second, BETWEEN[0, number], number)[other]
            pairs = np.stack([low, high], axis=1).astype(np.int64)
            parts.append(_candidates(pairs, turns, dots[other] / LENGTH**2))
        found = strongest(_once(join_candidates(parts), len(small)), most)
    return found


def _once(candidates: Candidates, num: int) -> Candidates:
    """Keep each pair once, in the turn that fits best: pictures may have found each other."""
    order = np.argsort(-candidates.score, kind="stable")
    keys = candidates.pairs[order, 0] * num + candidates.pairs[order, 1]
    return candidates[order[np.unique(keys, return_index=True)[1]]]


def _none() -> Candidates:
    return _candidates(np.empty((0, 2), np.int64), np.empty(0), np.empty(0))


def _candidates(
    pairs: npt.NDArray[np.int64], turns: npt.NDArray[Any], score: npt.NDArray[Any]
) -> Candidates:
    placement = np.tile(np.array([1, 0, 1, 0], np.float32), (len(pairs), 1))
    return Candidates(pairs, turns.astype(np.int64), placement, score.astype(np.float32))


def _rank(groups: npt.NDArray[np.int64], score: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the rank of each item in its group by falling score."""
    order = np.lexsort((-score, groups))
    ranked = groups[order]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(ranked, ranked)
    return rank
