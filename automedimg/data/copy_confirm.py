"""Decides which candidates are copies, by their details."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.data.copy_align import aligned_correlation, correlation, refine
from automedimg.data.copy_survey import Survey
from automedimg.data.copy_turns import NUM_TURNS, turn
from automedimg.data.copy_votes import Candidates
from automedimg.data.similarity import (
    DetailArray,
    broad_detail_of,
    detail_correlation,
    fineness,
)

_GLANCES = ((0, 0.0), (2, 0.45), (2, 0.65))
"""Steps of alignment of the coarse structure, and the correlation to go on after them."""

_WORTH = 0.5
"""Correlation of details from which the last adjustment is made."""

_COARSE_SCALE = np.float32(1 / 64)

_FINENESS = (0.15, 0.2, 0.4, 0.5)
_DEMANDED = (0.96, 0.78, 0.78, 0.0)
"""Correlation demanded of details by their fineness, see `similarity.fineness`.

Among 5856 chest films of 28 pixels, strangers reach 0.71 (0.75 laid over each other); halved to 14
pixels, 0.94. Where a film keeps so little, strangers share most of it.
"""

_COARSE = 0.5
"""Fineness below which broad structure may speak for a pair."""

_BROAD_LEAST = 0.96
_BROAD_FROM = 0.5
"""Correlation of broad structure that makes a pair of coarse pictures copies, if their details
correlate by the second number. Of the films, strangers reach 0.958; nine in ten that were halved or
saved as JPEG of quality 30 lie above."""


def unmoved(seen: Survey, candidates: Candidates, least: float) -> npt.NDArray[np.bool_]:
    """Say which candidates are copies as they lie.

    Pictures with few details, as small files have, must agree in more of them, or in their broad
    structure as well.

    Args:
        seen: The pictures.
        candidates: Some hundreds at once: their details are held in memory.
        least: Correlation of the details of a copy.
    """
    first, second = _details(seen, candidates)
    found = detail_correlation(first, second)
    is_copy = found >= max(least, *_DEMANDED)
    rows = np.flatnonzero(~is_copy & (found >= min(least, _BROAD_FROM)))
    fine = _coarser(first[rows], second[rows])
    good = found[rows] >= _demanded(fine, least)
    coarse = ~good & (fine < _COARSE)
    good[coarse] = _broadly_alike(seen, candidates[rows[coarse]])
    is_copy[rows] = good
    return np.asarray(is_copy)


def cropped(seen: Survey, candidates: Candidates, least: float) -> npt.NDArray[np.bool_]:
    """Say which candidates are copies once one is laid over the other.

    Args:
        seen: The pictures.
        candidates: Some hundreds at once.
        least: Correlation of the details of a copy.
    """
    left = np.arange(len(candidates.pairs))
    first = _turned(seen.coarse[candidates.pairs[:, 0]], candidates.turn) * _COARSE_SCALE
    second = seen.coarse[candidates.pairs[:, 1]] * _COARSE_SCALE
    placement = candidates.placement
    for steps, enough in _GLANCES:
        for _ in range(steps):
            placement = refine(first, second, placement)
        good = correlation(first, second, placement) >= enough
        left, first, second, placement = left[good], first[good], second[good], placement[good]
    found = np.zeros(len(candidates.pairs), bool)
    if len(left):
        moved, target = _details(seen, candidates[left])
        aligned = aligned_correlation(moved, target, placement, _WORTH)
        rows = np.flatnonzero(aligned >= least)
        fine = _coarser(moved[rows], target[rows])
        found[left[rows]] = aligned[rows] >= _demanded(fine, least)
    return found


def _coarser(first: DetailArray, second: DetailArray) -> npt.NDArray[np.float32]:
    """Return the fineness of the one of each pair that has less of it."""
    return np.minimum(fineness(first), fineness(second))


def _demanded(fine: npt.NDArray[np.float32], least: float) -> npt.NDArray[np.float64]:
    return np.maximum(least, np.interp(fine, _FINENESS, _DEMANDED))


def _broadly_alike(seen: Survey, candidates: Candidates) -> npt.NDArray[np.bool_]:
    first, second = (broad_detail_of(seen.pictures(candidates.pairs[:, side])) for side in (0, 1))
    found = detail_correlation(_turned(first, candidates.turn), second)
    return np.asarray(found >= _BROAD_LEAST)


def _details(seen: Survey, candidates: Candidates) -> tuple[DetailArray, DetailArray]:
    detail = seen.details_of(candidates.pairs)
    return _turned(detail[:, 0], candidates.turn), detail[:, 1]


def _turned(pictures: npt.NDArray[Any], numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    turned = np.empty_like(pictures)
    for number in range(NUM_TURNS):
        rows = numbers == number
        turned[rows] = turn(pictures[rows], number)
    return turned
