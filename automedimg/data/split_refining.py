"""Even out the sides of a split by moving and exchanging groups."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from automedimg.contracts import FloatArray, IntArray

MAX_EXCHANGES = 1000
MAX_KINDS = 256
"""Kinds of groups that are compared at once: memory and time grow with its square."""


def even_out(
    assignment: IntArray, counts: IntArray, fractions: FloatArray, rng: np.random.Generator
) -> None:
    """Exchange groups between sides, in place, while that brings the sides closer to their shares.

    Closeness is Pearson's chi-square of the images by side and class, and of the images by side,
    against what the fractions ask for. No side loses its last group of a class.

    Args:
        assignment: Side of each group, int64 (G,), values in [0, S).
        counts: Images by group and class, int64 (G, K).
        fractions: Share of each side, float64 (S,).
        rng: Picks among groups that hold the same.
    """
    table = _Table(assignment, counts, fractions, rng)
    left, better = MAX_EXCHANGES, True
    while better and left > 0:
        better = False
        for one, other in combinations(range(len(fractions)), 2):
            while left > 0 and table.exchange(one, other):
                left, better = left - 1, True


class _Table:
    """What lies on each side, by kind: groups that hold the same number of every class."""

    def __init__(
        self,
        assignment: IntArray,
        counts: IntArray,
        fractions: FloatArray,
        rng: np.random.Generator,
    ) -> None:
        kinds, kind = np.unique(counts, axis=0, return_inverse=True)
        # Kind 0 is no group at all: to exchange it for a group is to move that group.
        kinds = np.concatenate([np.zeros((1, counts.shape[1]), dtype=np.int64), kinds])
        self._assignment, self._kind, self._rng = assignment, kind.reshape(-1) + 1, rng
        self._holds = kinds > 0
        self._amounts = np.column_stack([kinds, kinds.sum(axis=1)]).astype(np.float64)
        sides = range(len(fractions))
        self._stock = np.stack(
            [np.bincount(self._kind[assignment == side], minlength=len(kinds)) for side in sides]
        )
        targets = fractions[:, None] * (self._stock.sum(axis=0) @ self._amounts)
        self._off = self._stock @ self._amounts - targets
        self._cost = 1.0 / targets
        self._present = self._stock @ self._holds.astype(np.int64)

    def exchange(self, one: int, other: int) -> bool:
        """Make the exchange between two sides that helps most; False where none does."""
        given, taken = self._available(one), self._available(other)
        change = self._change(one, other, given, taken)
        change[self._strips(one, given, taken) | self._strips(other, taken, given).T] = np.inf
        best = np.unravel_index(int(change.argmin()), change.shape)
        if change[best] > -1e-9:
            return False
        gives, takes = int(given[best[0]]), int(taken[best[1]])
        leaving, coming = self._pick(gives, one), self._pick(takes, other)
        self._move(leaving, gives, one, other)
        self._move(coming, takes, other, one)
        return True

    def _available(self, side: int) -> IntArray:
        """Kinds that a side can give, the empty one first."""
        kinds = np.flatnonzero(self._stock[side])
        if len(kinds) >= MAX_KINDS:
            kinds = np.sort(self._rng.choice(kinds, MAX_KINDS - 1, replace=False))
        return np.concatenate([[0], kinds])

    def _change(self, one: int, other: int, given: IntArray, taken: IntArray) -> FloatArray:
        """Change of chi-square by each exchange, float64 (given, taken)."""
        both = self._cost[one] + self._cost[other]
        pull = 2.0 * (self._cost[other] * self._off[other] - self._cost[one] * self._off[one])
        gives, takes = self._amounts[given], self._amounts[taken]
        leaving = gives @ pull + gives**2 @ both
        coming = -(takes @ pull) + takes**2 @ both
        change = leaving[:, None] + coming[None, :] - 2.0 * (gives * both) @ takes.T
        return np.asarray(change, dtype=np.float64)

    def _strips(self, side: int, given: IntArray, taken: IntArray) -> npt.NDArray[np.bool_]:
        """Whether an exchange takes a side's last group of some class, bool (given, taken)."""
        last = self._holds[given] & (self._present[side] == 1)
        return np.asarray(last.astype(np.int64) @ (~self._holds[taken]).T.astype(np.int64) > 0)

    def _pick(self, kind: int, side: int) -> int | None:
        if kind == 0:
            return None
        return int(
            self._rng.choice(np.flatnonzero((self._kind == kind) & (self._assignment == side)))
        )

    def _move(self, group: int | None, kind: int, source: int, target: int) -> None:
        if group is None:
            return
        self._assignment[group] = target
        for side, sign in ((source, -1), (target, 1)):
            self._stock[side, kind] += sign
            self._off[side] += sign * self._amounts[kind]
            self._present[side] += sign * self._holds[kind].astype(np.int64)
