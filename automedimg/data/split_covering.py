"""Spread few groups of several classes each, so that no side lacks a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automedimg.contracts import IntArray

MAX_STEPS = 4000
"""Partial spreads that are looked at before a data set counts as one that can't be spread."""


@dataclass(frozen=True, slots=True)
class _Partial:
    """A spread that is not complete.

    Args:
        left: Groups of each pattern that are on no side, int64 (P,).
        missing: Whether a side lacks a class, bool (S, K).
        placed: (pattern, side) of the groups that were placed.
    """

    left: IntArray
    missing: npt.NDArray[np.bool_]
    placed: tuple[tuple[int, int], ...]


def cover(counts: IntArray, num_sides: int, max_steps: int = MAX_STEPS) -> IntArray | None:
    """Find a few groups that together bring every class to every side.

    Groups that hold the same classes are one pattern, and which of them is placed makes no
    difference: the search is over patterns, depth first, the scarcest class first.

    Args:
        counts: Images by group and class, int64 (G, K).
        num_sides: S.
        max_steps: Where to give up.
    Returns:
        int64 (G,): the side of the groups that are needed, -1 for the others; None where there is
        no such spread, or none was found in time.
    """
    patterns, pattern = np.unique(counts > 0, axis=0, return_inverse=True)
    pattern = pattern.reshape(-1)
    left = np.bincount(pattern, minlength=len(patterns)).astype(np.int64)
    stack = [_Partial(left, np.ones((num_sides, counts.shape[1]), dtype=np.bool_), ())]
    for _ in range(max_steps):
        if not stack:
            return None
        partial = stack.pop()
        if not partial.missing.any():
            return _as_groups(partial.placed, pattern, counts)
        stack += _next_steps(partial, patterns)
    return None


def _next_steps(partial: _Partial, patterns: npt.NDArray[np.bool_]) -> list[_Partial]:
    """Bring the scarcest class to a side that lacks it, in every way; the best comes last."""
    lacking = partial.missing.sum(axis=0)
    spare = np.where(lacking > 0, partial.left @ patterns - lacking, np.iinfo(np.int64).max)
    label = int(spare.argmin())
    if spare[label] < 0:
        return []
    side = int(np.flatnonzero(partial.missing[:, label])[0])
    usable = np.flatnonzero((partial.left > 0) & patterns[:, label])
    helps = (patterns[usable] & partial.missing[side]).sum(axis=1)
    return [
        _place(partial, int(chosen), side, patterns)
        for chosen in usable[np.argsort(helps, kind="stable")]
    ]


def _place(partial: _Partial, chosen: int, side: int, patterns: npt.NDArray[np.bool_]) -> _Partial:
    left, missing = partial.left.copy(), partial.missing.copy()
    left[chosen] -= 1
    missing[side] &= ~patterns[chosen]
    return _Partial(left, missing, (*partial.placed, (chosen, side)))


def _as_groups(
    placed: tuple[tuple[int, int], ...], pattern: IntArray, counts: IntArray
) -> IntArray:
    """Let the smallest groups of each pattern stand for it: the others are left to be dealt."""
    assignment = np.full(len(counts), -1, dtype=np.int64)
    by_size = np.argsort(counts.sum(axis=1), kind="stable")
    waiting = {
        kind: iter(by_size[pattern[by_size] == kind]) for kind in {kind for kind, _ in placed}
    }
    for kind, side in placed:
        assignment[next(waiting[kind])] = side
    return assignment
