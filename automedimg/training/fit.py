"""The fit loop: train, score every epoch, keep the best, stop when told or when it is time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import keras
import numpy as np

from automedimg.contracts import Decision, FloatArray, IntArray, Metric, TrialSpec
from automedimg.training.batches import Batches


class TrialFailureError(Exception):
    """A trial can't go on; the message is its recorded reason."""


class Talk(Protocol):
    """A trial's line to the orchestrator."""

    def epoch(self, row: Mapping[str, Any]) -> Decision:
        """Report an epoch and wait for the answer."""

    def cancelled(self) -> bool:
        """Whether the trial was asked to stop at the epoch it has."""


@dataclass(slots=True)
class Fit:
    """What a fit has come to.

    Args:
        history: One row an epoch: epoch, seconds, loss, value, val_log_loss.
        best_epoch: Counted from 1; the epoch whose weights the model has in the end.
        value: The metric at that epoch.
        y_prob: Validation probabilities at that epoch, float64 (N, K).
        ended: Why training ended.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    value: float = math.nan
    y_prob: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    ended: Literal["epochs", "patience", "pruned", "time", "cancelled"] = "epochs"


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

    def better(self, value: float, loss: float, than: tuple[float, float]) -> bool:
        """Whether (metric, log loss) beats another; log loss decides between equals."""
        sign = 1 if self.maximize else -1
        return (sign * value, -loss) > (sign * than[0], -than[1])


def fit(
    model: keras.Model,
    batches: Batches,
    objective: Objective,
    spec: TrialSpec,
    talk: Talk,
    deadline: float | None,
) -> Fit:
    """Train a compiled model and leave it with the weights of its best epoch.

    Args:
        model: Ends in logits.
        batches: What it trains on.
        objective: What is measured after each epoch.
        spec: Its epochs and patience count.
        talk: Hears of every epoch.
        deadline: When to stop at the latest, on the monotonic clock.
    Raises:
        TrialFailureError: the loss or the score is not finite.
    """
    watch = _Watch(objective, spec, talk, deadline)
    model.fit(batches, epochs=spec.epochs, verbose=0, callbacks=[watch], shuffle=False)
    watch.restore()
    return watch.fit


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(
        self, objective: Objective, spec: TrialSpec, talk: Talk, deadline: float | None
    ) -> None:
        super().__init__()
        self.fit, self._deadline = Fit(), deadline
        self._objective, self._spec, self._talk = objective, spec, talk
        self._start = time.monotonic()
        self._peak_rate = 0.0
        self._best = (-math.inf if objective.maximize else math.inf, math.inf)
        self._weights: list[Any] | None = None

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Remember the learning rate that was chosen."""
        del logs
        self._peak_rate = float(self.model.optimizer.learning_rate)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Lower the learning rate along a cosine, towards whichever end comes first.

        Source: Loshchilov & Hutter (2017), SGDR, ICLR, equation 5, without restarts.
        """
        del logs
        progress = epoch / self._spec.epochs
        if self._deadline is not None:
            now = time.monotonic()
            progress = max(progress, (now - self._start) / max(self._deadline - self._start, 1e-3))
        cosine = (1.0 + math.cos(math.pi * min(progress, 1.0))) / 2.0
        self.model.optimizer.learning_rate = self._peak_rate * max(cosine, 0.01)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Stop in the middle of an epoch if time is up; it is scored as it is."""
        del batch, logs
        if self._talk.cancelled():
            self._stop("cancelled")
        elif self._deadline is not None and time.monotonic() > self._deadline:
            self._stop("time")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Score the epoch, remember it if it is the best, and ask whether to go on."""
        loss = float((logs or {}).get("loss", math.nan))
        y_prob = self._objective.predict()
        if not (math.isfinite(loss) and np.isfinite(y_prob).all()):
            raise TrialFailureError(f"not a number: the loss diverged in epoch {epoch + 1}")
        value = self._objective.metric(self._objective.labels, y_prob)
        if not math.isfinite(value):
            raise TrialFailureError(f"not a number: the metric in epoch {epoch + 1}")
        log_loss = _log_loss(self._objective.labels, y_prob)
        self._remember(epoch + 1, value, log_loss, y_prob)
        row = {
            "epoch": epoch + 1,
            "seconds": round(time.monotonic() - self._start, 3),
            "loss": loss,
            "value": value,
            "val_log_loss": log_loss,
        }
        self.fit.history.append(row)
        decision = self._talk.epoch({**row, "epochs": self._spec.epochs})
        if decision == "prune":
            self._stop("pruned")
        elif decision == "stop":
            self._stop("cancelled")
        elif epoch + 1 - self.fit.best_epoch >= self._spec.patience:
            self._stop("patience")

    def restore(self) -> None:
        """Give the model the weights of the best epoch."""
        if self._weights is not None:
            self.model.set_weights(self._weights)

    def _remember(self, epoch: int, value: float, log_loss: float, y_prob: FloatArray) -> None:
        if self._objective.better(value, log_loss, self._best):
            self._best = (value, log_loss)
            self.fit.best_epoch, self.fit.value, self.fit.y_prob = epoch, value, y_prob
            self._weights = self.model.get_weights()

    def _stop(self, why: Literal["patience", "pruned", "time", "cancelled"]) -> None:
        if not self.model.stop_training:
            self.fit.ended = why
        self.model.stop_training = True


def _log_loss(labels: IntArray, y_prob: FloatArray) -> float:
    chosen = np.clip(y_prob[np.arange(len(labels)), labels], 1e-15, 1.0)
    return float(-np.log(chosen).mean())
