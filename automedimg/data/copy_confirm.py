"""Decides which candidates are copies, by their details."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.data.copy_align import aligned_correlation, correlation, refine
from automedimg.data.copy_survey import Survey
from automedimg.data.copy_turns import NUM_TURNS, turn
from automedimg.data.copy_votes import Candidates
from automedimg.data.similarity import DetailArray, detail_correlation, detail_of

_GLANCES = ((0, 0.0), (2, 0.45), (2, 0.65))
"""Steps of alignment of the coarse structure, and the correlation to go on after them."""

_WORTH = 0.5
"""Correlation of details from which the last adjustment is made."""

_COARSE_SCALE = np.float32(1 / 64)


def unmoved(seen: Survey, candidates: Candidates, least: float) -> npt.NDArray[np.bool_]:
    """Say which candidates are copies as they lie.

    Args:
        seen: The pictures.
        candidates: Some hundreds at once: their details are held in memory.
        least: Correlation of the details of a copy.
    """
    first, second = _details(seen, candidates)
    return np.asarray(detail_correlation(first, second) >= least)


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
        details = _details(seen, candidates[left])
        found[left] = aligned_correlation(*details, placement, _WORTH) >= least
    return found


def _details(seen: Survey, candidates: Candidates) -> tuple[DetailArray, DetailArray]:
    rows, place = np.unique(candidates.pairs, return_inverse=True)
    detail = detail_of(seen.pictures(rows))
    place = place.reshape(candidates.pairs.shape)
    return _turned(detail[place[:, 0]], candidates.turn), detail[place[:, 1]]


def _turned(pictures: npt.NDArray[Any], numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    turned = np.empty_like(pictures)
    for number in range(NUM_TURNS):
        rows = numbers == number
        turned[rows] = turn(pictures[rows], number)
    return turned
