"""When a search has done enough."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from automedimg.contracts import TrialResult

HOPELESS = 10
"""So many failures and no trial complete end a search: something is wrong with all of it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a search; several may be set.

    Args:
        trials: Finished trials in all, earlier sessions' included.
        time_s: Seconds of this session, from its very start.
        patience: Finished trials in a row that brought no better one.
        target: Value of the metric that is good enough.
    """

    trials: int | None = None
    time_s: float | None = None
    patience: int | None = None
    target: float | None = None


class Clock:
    """A session's time budget, on a clock that never jumps."""

    def __init__(self, time_s: float | None) -> None:
        self._start = time.monotonic()
        self._time_s = time_s

    def elapsed(self) -> float:
        """Seconds since the session began."""
        return time.monotonic() - self._start

    def left(self) -> float | None:
        """Seconds for trials; a little is kept back for the verdict. None is unlimited."""
        if self._time_s is None:
            return None
        return self._time_s - min(15.0, 0.1 * self._time_s) - self.elapsed()

    def worth_starting(self) -> bool:
        """Whether there is time enough left for another trial to come to anything."""
        left = self.left()
        return left is None or self._time_s is None or left > min(20.0, 0.05 * self._time_s)


def rank(result: TrialResult, maximize: bool) -> tuple[float, float, int]:
    """A key that is greatest for the best trial: by value, then log loss, then who came first."""
    sign = 1.0 if maximize else -1.0
    value = float("-inf") if result.value is None else sign * result.value
    return value, -result.validation.get("log_loss", float("inf")), -result.number


def best_of(results: Sequence[TrialResult], maximize: bool) -> TrialResult | None:
    """The best complete trial; pruned ones can't win."""
    complete = [result for result in results if result.state == "complete"]
    return max(complete, key=lambda result: rank(result, maximize), default=None)


def reason_to_stop(
    results: Sequence[TrialResult], limits: Limits, clock: Clock, maximize: bool
) -> str:
    """Which limit is reached: ``trials``, ``time``, ``target``, ``patience``, ``failures`` or none.

    Args:
        results: Finished trials, in the order in which they finished.
        limits: What was asked.
        clock: This session's.
        maximize: Whether more of the metric is better.
    """
    left = clock.left()
    best = best_of(results, maximize)
    if limits.trials is not None and len(results) >= limits.trials:
        return "trials"
    if left is not None and left <= 0:
        return "time"
    if best is None:
        return "failures" if len(results) >= HOPELESS and _all_failed(results) else ""
    if limits.target is not None and best.value is not None:
        reached = best.value >= limits.target if maximize else best.value <= limits.target
        if reached:
            return "target"
    since = len(results) - 1 - list(results).index(best)
    return "patience" if limits.patience is not None and since >= limits.patience else ""


def _all_failed(results: Sequence[TrialResult]) -> bool:
    return all(result.state == "failed" for result in results)
