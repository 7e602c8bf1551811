"""Deal groups out to sides so that each side gets its share of every class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automedimg.contracts import FloatArray, IntArray
from automedimg.data.split_covering import cover
from automedimg.data.split_refining import even_out
from automedimg.data.split_singles import deal_singles

TOLERANCE = 0.02
"""Share of a class by which a side may miss its target before groups are exchanged."""


def deal_evenly(
    counts: IntArray,
    fractions: FloatArray,
    rng: np.random.Generator,
    tolerance: float = TOLERANCE,
) -> IntArray | None:
    """Put every group on a side: every class on every side, in the shares that were asked for.

    A greedy deal comes first. Sides without some class are given one; where that fails, the rare
    classes are spread by a search before anything is dealt. What is then further from its target
    than the tolerance is evened out by exchanges.

    Args:
        counts: Images by group and class, int64 (G, K); every class has S groups or more.
        fractions: Share of each side, float64 (S,), all above 0; they sum to 1.
        rng: Decides among equals.
        tolerance: Share of a class, in [0, 1]; 0 always exchanges.
    Returns:
        int64 (G,), values in [0, S); None where no way was found.
    """
    assignment = deal(counts, fractions, rng, np.full(len(counts), -1, dtype=np.int64))
    if not _fill_gaps(assignment, counts, len(fractions)):
        core = cover(counts, len(fractions))
        if core is None:
            return None
        assignment = deal(counts, fractions, rng, core)
    if _misses(assignment, counts, fractions, tolerance):
        even_out(assignment, counts, fractions, rng)
    return assignment


def deal(
    counts: IntArray, fractions: FloatArray, rng: np.random.Generator, placed: IntArray
) -> IntArray:
    """Deal groups out from the largest to the smallest, each to the side that lacks most of it.

    Args:
        counts: As for `deal_evenly`.
        fractions: As for `deal_evenly`.
        rng: The order of equals, and ties.
        placed: Side of the groups that are dealt already, -1 for the others; int64 (G,).
    Returns:
        int64 (G,), values in [0, S).
    """
    assignment = placed.copy()
    per_class = counts.sum(axis=0)
    targets = fractions[:, None] * per_class
    lacking = targets - side_totals(assignment, counts, len(fractions))
    shares, sizes = counts / per_class, counts.sum(axis=1)
    shuffled = rng.permutation(len(counts))
    by_size = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    left = by_size[assignment[by_size] < 0]
    for group in left[sizes[left] > 1]:
        # What a side lacks is measured against its own target, so that small sides get their
        # share of the large groups too, but none that would overflow them.
        want = (lacking / targets) @ shares[group]
        room = lacking.sum(axis=1)
        fits = room >= sizes[group]
        want = np.where(fits, want, -np.inf) if fits.any() else room
        top = want.max()
        best = np.flatnonzero(np.abs(want - top) <= 1e-8 + 1e-5 * abs(top))
        side = int(best[0] if len(best) == 1 else rng.choice(best))
        assignment[group] = side
        lacking[side] -= counts[group]
    singles = left[sizes[left] == 1]
    labels = counts[singles].argmax(axis=1)
    assignment[singles] = deal_singles(labels, lacking, targets, per_class, rng)
    return assignment


def side_totals(assignment: IntArray, amounts: IntArray, num_sides: int) -> IntArray:
    """Add up the rows of `amounts` (G, K) by side: int64 (S, K); rows on side -1 count nowhere."""
    return np.stack([amounts[assignment == side].sum(axis=0) for side in range(num_sides)])


def _misses(
    assignment: IntArray, counts: IntArray, fractions: FloatArray, tolerance: float
) -> bool:
    per_class = counts.sum(axis=0)
    off = np.abs(side_totals(assignment, counts, len(fractions)) - fractions[:, None] * per_class)
    return bool(((off > tolerance * per_class) & (off >= 1)).any())


def _fill_gaps(assignment: IntArray, counts: IntArray, num_sides: int) -> bool:
    """Give every side at least one group of every class, taking from where there are most."""
    holds = (counts > 0).astype(np.int64)
    for _ in range(counts.shape[1] * num_sides):
        present = side_totals(assignment, holds, num_sides)
        gaps = np.argwhere(present == 0)
        if not len(gaps):
            return True
        side, label = gaps[0]
        donors = np.flatnonzero((counts[:, label] > 0) & _spare(assignment, holds, present))
        if not len(donors):
            return False
        assignment[donors[np.argmin(counts[donors].sum(axis=1))]] = side
    return bool((side_totals(assignment, holds, num_sides) > 0).all())


def _spare(assignment: IntArray, holds: IntArray, present: IntArray) -> npt.NDArray[np.bool_]:
    """Groups whose side would keep every class if they left it."""
    leaves = present[assignment] - holds
    return np.asarray(((leaves > 0) | (holds == 0)).all(axis=1))
