"""Deal out groups of one image: as any others, but many thousands in a second."""

from __future__ import annotations

import math

import numpy as np

from automedimg.contracts import FloatArray, IntArray

_NEAR = 1e-3
"""How close to one image the room of a side is when its last digits decide."""


def deal_singles(
    labels: IntArray,
    lacking: FloatArray,
    targets: FloatArray,
    per_class: IntArray,
    rng: np.random.Generator,
) -> IntArray:
    """Deal images out one by one, each to the side that lacks most of its class.

    It gives what the loop of `split_dealing.deal` would, digit by digit and draw by draw: plain
    numbers are faster than arrays of three.

    Args:
        labels: Class of each image, in the order of dealing, int64 (N,).
        lacking: Images that each side still lacks of each class, float64 (S, K).
        targets: Images that each side is to have, float64 (S, K).
        per_class: Images of each class, those of larger groups included, int64 (K,).
        rng: Decides ties.
    Returns:
        Side of each image, int64 (N,).
    """
    need, goal = lacking.T.tolist(), targets.T.tolist()
    share = (1.0 / per_class).tolist()
    room = lacking.sum(axis=1).tolist()
    sides = range(len(room))
    dealt = []
    for label in labels.tolist():
        if max(room) < 1.0 + _NEAR or any(abs(left - 1.0) < _NEAR for left in room):
            room = np.ascontiguousarray(np.transpose(need)).sum(axis=1).tolist()
        if max(room) >= 1.0:
            lacks, wanted, weight = need[label], goal[label], share[label]
            want = [
                lacks[side] / wanted[side] * weight if room[side] >= 1.0 else -math.inf
                for side in sides
            ]
        else:
            want = room
        top = max(want)
        near = 1e-8 + 1e-5 * abs(top)
        best = [side for side in sides if abs(want[side] - top) <= near]
        chosen = best[0] if len(best) == 1 else best[rng.integers(len(best))]
        dealt.append(chosen)
        need[label][chosen] -= 1.0
        room[chosen] -= 1.0
    return np.asarray(dealt, dtype=np.int64)
