"""The course of the learning rate: a function of the epoch, the clock and the fit's history.

So a checkpoint needs no state of it: from the same history it goes on as it would have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

SCHEDULES = ("cosine", "constant", "plateau", "exponential")

LOWEST = 0.01
"""Share of the chosen learning rate that cosine and exponential end at."""

DROP = 0.5
"""What a plateau multiplies the learning rate by."""


def rate_factor(
    schedule: str,
    progress: float,
    history: Sequence[Mapping[str, float]],
    *,
    maximize: bool,
    patience: int,
) -> float:
    """Share of the chosen learning rate that the next epoch has.

    Args:
        schedule: One of `SCHEDULES`. ``cosine`` and ``exponential`` fall towards the last epoch;
            ``plateau`` halves the rate whenever the metric has not improved for `patience` epochs.
        progress: In [0, 1]; how much of the epochs or of the time has passed.
        history: Rows of the epochs so far: ``value`` and ``val_log_loss`` count.
        maximize: Whether more of the metric is better.
        patience: At least 1.
    Raises:
        ValueError: an unknown schedule.
    Source: cosine: Loshchilov & Hutter (2017), SGDR, ICLR, equation 5, without restarts.
    """
    if schedule == "cosine":
        return max((1.0 + math.cos(math.pi * min(progress, 1.0))) / 2.0, LOWEST)
    if schedule == "exponential":
        return float(LOWEST ** min(progress, 1.0))
    if schedule == "plateau":
        return float(DROP ** num_plateaus(history, maximize=maximize, patience=patience))
    if schedule == "constant":
        return 1.0
    raise ValueError(f"unknown schedule `{schedule}`; expected one of {', '.join(SCHEDULES)}")


def num_plateaus(history: Sequence[Mapping[str, float]], *, maximize: bool, patience: int) -> int:
    """How often the metric did not improve for `patience` epochs; each counts its own epochs.

    As for the best epoch, the log loss decides between equal values of the metric.
    """
    sign = 1.0 if maximize else -1.0
    best, waited, plateaus = (-math.inf, -math.inf), 0, 0
    for row in history:
        score = (sign * row["value"], -row["val_log_loss"])
        if score > best:
            best, waited = score, 0
            continue
        waited += 1
        if waited == patience:
            plateaus, waited = plateaus + 1, 0
    return plateaus
