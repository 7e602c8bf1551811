"""Which pictures share spots, and how one would have to lie on the other for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data.copy_index import LENGTH, Index
from automedimg.data.copy_spots import LARGER, Spots
from automedimg.data.copy_turns import BETWEEN, NUM_TURNS, turn_points
from automedimg.data.similarity import SIDE

Ints: TypeAlias = npt.NDArray[np.int64]

_MIN_COSINE = 0.8
_MOST = 4  # neighbours of a spot in one cell
_PROBES = 2
_MAX_MOVE = 13.0  # pixels that a crop can move a spot
_SPREAD = 60.0  # square pixels; how far apart spots must lie before a scale is read off them
_PER_PICTURE = 24
_SPOKESMEN = 16  # pictures of a group that are compared spot by spot
_HARDLY = 0.95
_BATCH = 1 << 20
_WAITING = 1 << 22


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of pictures that may be copies, ordered by pair.

    Args:
        pairs: i < j, int64 (P, 2).
        turn: Brings i onto j, int64 (P,).
        placement: Of the turned i on j, see `copy_align`; float32 (P, 4).
        score: How promising the pair is, float32 (P,).
    """

    pairs: Ints
    turn: Ints
    placement: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]

    def __getitem__(self, rows: npt.NDArray[np.bool_] | Ints) -> Candidates:
        """Keep some pairs."""
        return Candidates(self.pairs[rows], self.turn[rows], self.placement[rows], self.score[rows])


def join_candidates(parts: list[Candidates]) -> Candidates:
    """Put several lots of candidates together."""
    return Candidates(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Candidates.__slots__)
    )


def strongest(candidates: Candidates, most: int) -> Candidates:
    """Drop what is not among the 24 best of either picture, then all but the best.

    Args:
        candidates: Any number.
        most: Pairs kept at most.
    """
    kept = np.zeros(len(candidates.pairs), bool)
    for side in (0, 1):
        picture = candidates.pairs[:, side]
        order = np.lexsort((-candidates.score, picture))
        ranked = picture[order]
        rank = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
        kept[order[rank < _PER_PICTURE]] = True
    candidates = candidates[kept]
    best = np.argsort(-candidates.score, kind="stable")[:most]
    return candidates[np.sort(best)]


def shared_spots(spots: Spots, groups: Ints, num_turns: int, most: int) -> Candidates:
    """Find the pairs of pictures that share the most spots.

    Args:
        spots: Of all pictures.
        groups: Group of each picture; pictures of one group need no further link, int64 (N,).
            Of a group, 16 pictures are compared.
        num_turns: Turns numbered below this are allowed.
        most: Pairs returned at most.
    """
    spots = _spokesmen(spots, groups)
    found: list[Candidates] = []
    waiting: list[npt.NDArray[np.int32]] = []
    num = 0
    for match in _matches(spots, groups, num_turns):
        waiting.append(match)
        num += match.shape[1]
        # Only a crowd of alike pictures gets here: memory counts more than votes cast together.
        if num > _WAITING:
            found.append(_count_all(waiting, spots, len(groups), most))
            waiting, num = [], 0
    found.append(_count_all(waiting, spots, len(groups), most))
    return strongest(join_candidates(found), most)


def _spokesmen(spots: Spots, groups: Ints) -> Spots:
    """Let a few pictures speak for a big group, whose spots are all alike."""
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    rank = np.empty(len(groups), np.int64)
    rank[order] = np.arange(len(groups)) - np.searchsorted(ranked, ranked)
    heard = (rank < _SPOKESMEN)[spots.picture]
    # Where hardly any falls silent, a copy of all others costs more than it saves.
    return spots if not len(heard) or heard.mean() > _HARDLY else spots[heard]


def _count_all(
    waiting: list[npt.NDArray[np.int32]], spots: Spots, num: int, most: int
) -> Candidates:
    """Count matches, some pictures at a time so that memory stays small."""
    matches = np.concatenate([np.empty((5, 0), np.int32), *waiting], axis=1)
    picture = spots.picture[matches[0]]
    bounds = np.linspace(0, num, matches.shape[1] // _BATCH + 2).astype(np.int64)
    counted = [
        strongest(_count(matches[:, (picture >= low) & (picture < high)], spots, num), most)
        for low, high in pairwise(bounds)
    ]
    return join_candidates(counted)


def _matches(spots: Spots, groups: Ints, num_turns: int) -> Iterator[npt.NDArray[np.int32]]:
    """Yield, with i < j, what spots match, int32 (5, P).

    Spot of i, spot of j, turn, cosine in thousandths; and 1 where i shows the spot larger, -1 where
    j does, or 0.
    """
    group = groups[spots.picture]
    index = Index(spots.patch)
    sizes = ((spots.patch, spots.turn), (spots.large_patch, spots.large_turn))
    for larger, (patch, turns) in enumerate(sizes):
        for first, second, dots in index.neighbours(
            patch, min_cosine=_MIN_COSINE, most=_MOST, probes=_PROBES
        ):
            other = group[first] != group[second]
            first, second, dots = first[other], second[other], dots[other]
            later = spots.picture[first] > spots.picture[second]
            onto = BETWEEN[turns[first], spots.turn[second]]
            back = BETWEEN[spots.turn[second], turns[first]]
            number = np.where(later, back, onto)
            low, high = np.where(later, second, first), np.where(later, first, second)
            moved = turn_points(spots.place[low].astype(np.int32), number, SIDE)
            near = np.abs(moved - spots.place[high]).max(axis=1, initial=0) <= _MAX_MOVE
            fits = near & (number < num_turns)
            cosine = np.rint(dots * (1000 / LENGTH**2))
            size = np.where(later, -larger, larger)
            yield np.stack([low, high, number, cosine, size])[:, fits].astype(np.int32)


def _count(matches: npt.NDArray[np.int32], spots: Spots, num: int) -> Candidates:
    """Add up what each pair of pictures shares, and fit scale and shift to where it lies."""
    low, high, number, cosine, larger = matches.astype(np.int64)
    # Both sizes of a patch may match: that is one spot, not two.
    order = np.lexsort((-cosine, high, low))
    low, high = low[order], high[order]
    new = np.ones(len(low), bool)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    low, high, order = low[new], high[new], order[new]
    number, cosine, larger = number[order], cosine[order], larger[order]
    i, j = spots.picture[low].astype(np.int64), spots.picture[high].astype(np.int64)
    key = (i * num + j) * NUM_TURNS + number
    keys, group = np.unique(key, return_inverse=True)
    middle = (SIDE - 1) / 2
    of_first = turn_points(spots.place[low].astype(np.float64), number, SIDE) - middle
    of_second = spots.place[high].astype(np.float64) - middle
    size = len(keys)
    count = np.maximum(np.bincount(group, minlength=size), 1)
    placement = np.empty((size, 4), np.float32)
    usual = LARGER ** (np.bincount(group, larger, size) / count)
    for axis in (0, 1):
        a, b = of_first[:, axis], of_second[:, axis]
        mean_a = np.bincount(group, a, size) / count
        mean_b = np.bincount(group, b, size) / count
        a, b = a - mean_a[group], b - mean_b[group]
        scale = (np.bincount(group, a * b, size) + _SPREAD * usual) / (
            np.bincount(group, b * b, size) + _SPREAD
        )
        scale = np.clip(scale, 0.75, 1.33)
        placement[:, 2 * axis] = scale
        placement[:, 2 * axis + 1] = (mean_a - scale * mean_b) / SIDE
    score = np.bincount(group, (cosine - 700) / 300, size).astype(np.float32)
    pair, turned = np.divmod(keys, NUM_TURNS)
    return Candidates(np.stack(np.divmod(pair, num), axis=1), turned, placement, score)
