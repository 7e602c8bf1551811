"""When a search has done enough."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from automedimg.contracts import TrialResult
from automedimg.errors import ConfigurationError

HOPELESS = 10
"""So many failures in a row and no trial complete end a search: something is wrong with it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a search ended.

    Args:
        rule: ``trials``, ``time``, ``target``, ``patience``, ``same``, ``failures``, ``exhausted``,
            ``interrupted`` or ``leaderless``.
        why: What made it fire, in words.
    """

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Same:
    """Stop when some trials in a row come to the same or a similar result.

    Args:
        count: How many complete trials in a row.
        tolerance: How far the best and the worst of them may be apart.
    """

    count: int
    tolerance: float = 1e-3


def parse_same(text: str) -> Same:
    """Read a rule as ``--stop`` takes it: ``same:3`` or ``same:3,0.005``.

    Raises:
        ConfigurationError: it is none.
    """
    match = re.fullmatch(r"same:(\d+)(?:,([0-9.eE+-]+))?", text.strip())
    try:
        if match is not None and int(match[1]) >= 2:
            rule = Same(int(match[1]), float(match[2]) if match[2] else 1e-3)
            if math.isfinite(rule.tolerance) and rule.tolerance >= 0:
                return rule
    except ValueError:
        pass
    raise ConfigurationError(
        f"unknown stopping rule `{text}`; expected same:N or same:N,TOLERANCE with N of 2 or more",
        "same:3,0.001 stops when 3 trials in a row differ by 0.001 at most; trials, time, target "
        "and patience have options of their own",
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a search; several may be set, and the first that fires does.

    Args:
        trials: Finished trials in all, earlier sessions' included.
        time_s: Seconds of all sessions together, each from its very start.
        patience: Finished trials in a row that brought no better one.
        target: Value of the metric that is good enough.
        same: The adrenal-tumour paper's rule; None is none.
    """

    trials: int | None = None
    time_s: float | None = None
    patience: int | None = None
    target: float | None = None
    same: Same | None = None


class Clock:
    """A session's time budget, on a clock that never jumps.

    Args:
        time_s: Seconds of all sessions together; None is unlimited.
        spent_s: Of these, what earlier sessions took.
    """

    def __init__(self, time_s: float | None, spent_s: float = 0.0) -> None:
        self._start = time.monotonic()
        self._time_s, self._spent_s = time_s, spent_s

    def charge(self, spent_s: float) -> None:
        """Count what earlier sessions took."""
        self._spent_s = spent_s

    def elapsed(self) -> float:
        """Seconds since the session began."""
        return time.monotonic() - self._start

    def left(self) -> float | None:
        """Seconds for trials; a little is kept back for the verdict. None is unlimited."""
        if self._time_s is None:
            return None
        kept = min(15.0, 0.1 * self._time_s)
        return self._time_s - kept - self._spent_s - self.elapsed()

    def is_over(self) -> bool:
        """Whether no time is left."""
        left = self.left()
        return left is not None and left <= 0

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
    results: Sequence[TrialResult],
    limits: Limits,
    clock: Clock,
    maximize: bool,
    already: int = 0,
) -> Stop | None:
    """Which limit is reached; None while none is.

    Args:
        results: Finished trials, in the order in which they finished.
        limits: What was asked.
        clock: This session's.
        maximize: Whether more of the metric is better.
        already: How many of them finished before this session, whose failures may have had a cause
            that is gone.
    """
    if limits.trials is not None and len(results) >= limits.trials:
        return Stop("trials", f"{len(results)} of {limits.trials} trials are done")
    if clock.is_over():
        return Stop("time", f"{limits.time_s or 0:.0f} s are over")
    best = best_of(results, maximize)
    if best is None:
        last = results[already:][-HOPELESS:]
        if len(last) == HOPELESS and all(result.state == "failed" for result in last):
            return Stop("failures", f"{HOPELESS} trials in a row failed, and none is complete")
        return None
    if limits.target is not None and best.value is not None:
        reached = best.value >= limits.target if maximize else best.value <= limits.target
        if reached:
            return Stop("target", f"{best.value:.4f} reaches the target of {limits.target:g}")
    since = len(results) - 1 - list(results).index(best)
    if limits.patience is not None and since >= limits.patience:
        return Stop("patience", f"{since} trials in a row brought no better one")
    return None if limits.same is None else _all_alike(results, limits.same)


def _all_alike(results: Sequence[TrialResult], rule: Same) -> Stop | None:
    """The rule of Balamurugan's adrenal-tumour paper, over complete trials."""
    values = [r.value for r in results if r.state == "complete" and r.value is not None]
    last = values[-rule.count :]
    if len(last) < rule.count or max(last) - min(last) > rule.tolerance + 1e-12:
        return None
    return Stop(
        "same",
        f"{rule.count} trials in a row came to {min(last):.4f} to {max(last):.4f}, "
        f"within {rule.tolerance:g}",
    )
