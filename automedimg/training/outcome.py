"""What a fit works towards, how far it has come, and what it came to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from automedimg.contracts import FloatArray, IntArray, Metric

Ended = Literal["epochs", "patience", "pruned", "time", "cancelled"]


class TrialFailureError(Exception):
    """A trial can't go on; the message is its recorded reason."""


@dataclass(slots=True)
class Fit:
    """What a fit has come to.

    Args:
        history: One row an epoch: epoch, seconds, loss, value, val_log_loss, val_accuracy,
            learning_rate, and accuracy (of training images) where it was asked for.
        best_epoch: Counted from 1; the epoch whose weights the model has in the end.
        y_prob: Validation probabilities at that epoch, float64 (N, K).
        ended: Why training ended.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    y_prob: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    ended: Ended = "epochs"

    @property
    def value(self) -> float:
        """The metric at the best epoch; NaN before the first."""
        return self.history[self.best_epoch - 1]["value"] if self.best_epoch else math.nan

    @property
    def log_loss(self) -> float:
        """The validation log loss at the best epoch; NaN before the first."""
        return self.history[self.best_epoch - 1]["val_log_loss"] if self.best_epoch else math.nan


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fit has come, beside what its model and optimizer hold.

    Args:
        fit: Its epochs so far.
        best: The model's weights at the best epoch, in the order of `get_weights`.
        fit_s: Seconds since the fit began, those of earlier pieces included.
        trial_s: Seconds since the trial began, counted likewise.
        random: State of the generators that belong to no layer.
    """

    fit: Fit
    best: list[npt.NDArray[Any]]
    fit_s: float
    trial_s: float
    random: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """What is measured after each epoch.

    Args:
        metric: The metric that selects.
        maximize: Whether more of it is better.
        labels: Class indices of the validation split, int64 (N,).
        predict: Returns its probabilities under the present weights, float64 (N, K).
    """

    metric: Metric
    maximize: bool
    labels: IntArray
    predict: Callable[[], FloatArray]

    def better(self, value: float, loss: float, than: Fit) -> bool:
        """Whether (metric, log loss) beats a fit's best epoch; log loss decides between equals."""
        if not than.best_epoch:
            return True
        sign = 1 if self.maximize else -1
        return (sign * value, -loss) > (sign * than.value, -than.log_loss)
