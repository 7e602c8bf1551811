"""The callback that leads a fit: its learning rate, its scores, its end, its checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from automedimg.contracts import FloatArray, IntArray, TrialSpec
from automedimg.training.batches import Batches
from automedimg.training.event_log import EventLog
from automedimg.training.global_random import put_random
from automedimg.training.keeper import Keeper
from automedimg.training.outcome import Ended, Fit, Objective, Progress, TrialFailureError
from automedimg.training.rates import rate_factor
from automedimg.training.talk import Talk


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Scores every epoch, keeps the best, stops when told or when it is time.

    Args:
        batches: What is trained on; it is told each epoch's number.
        objective: What is measured after each epoch.
        spec: Its epochs and patience count.
        talk: Hears of every epoch, and of every batch.
        deadline: When to stop at the latest, on the monotonic clock.
        keeper: Writes checkpoints; None writes none.
        log: Of TensorBoard, begun; None writes none.
    """

    def __init__(
        self,
        batches: Batches,
        objective: Objective,
        spec: TrialSpec,
        talk: Talk,
        deadline: float | None,
        keeper: Keeper | None,
        log: EventLog | None = None,
    ) -> None:
        super().__init__()
        self._log = log
        self.fit, self._deadline, self._keeper = Fit(), deadline, keeper
        self._batches, self._objective, self._spec, self._talk = batches, objective, spec, talk
        self._start = time.monotonic()
        self._peak_rate = self._rate = 0.0
        self._weights: list[Any] = []
        self._random: Mapping[str, Any] = {}

    def resume(self, progress: Progress) -> None:
        """Take a checkpoint's word for what was before.

        Its seconds count as if they had just passed. A learning rate that falls along a deadline's
        clock goes on where it was; the deadline itself is of what is left.
        """
        self.fit, self._weights = progress.fit, progress.best
        self._random = progress.random
        self._start = time.monotonic() - progress.fit_s
        if self._is_stuck():
            self.fit.ended = "patience"

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Remember the learning rate that was chosen."""
        del logs
        self._peak_rate = float(self.model.optimizer.learning_rate)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Draw the epoch's images, and set the learning rate that its schedule has for it.

        What falls towards the end ends with the last epoch or at the deadline, whichever is first.
        """
        del logs
        self._batches.begin(epoch + 1)
        # Not before: Keras applies the model once, to build it, when a fit begins.
        put_random(self._random)
        self._random = {}
        progress = epoch / self._spec.epochs
        if self._deadline is not None:
            now = time.monotonic()
            progress = max(progress, (now - self._start) / max(self._deadline - self._start, 1e-3))
        chosen = self._spec.fit
        self._rate = self._peak_rate * rate_factor(
            chosen.get("schedule", "cosine"),
            progress,
            self.fit.history,
            maximize=self._objective.maximize,
            patience=int(chosen.get("plateau_patience", 3)),
        )
        self.model.optimizer.learning_rate = self._rate

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Stop in the middle of an epoch if time is up; it is scored as it is."""
        del batch, logs
        self._talk.alive()
        if self._talk.cancelled():
            self._stop("cancelled")
        elif self._deadline is not None and time.monotonic() > self._deadline:
            self._stop("time")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Score the epoch, remember it if it is the best, and ask whether to go on."""
        y_prob = self._objective.predict()
        row = {**self._score(epoch + 1, logs or {}, y_prob), "epochs": self._spec.epochs}
        # An epoch that was cut short is none that an uninterrupted trial could go on from.
        whole = not self.model.stop_training
        if self._log is not None:
            self._log.add(row)
        decision = self._talk.epoch(row)
        if decision == "prune":
            self._stop("pruned")
        elif decision == "stop":
            self._stop("cancelled")
        elif self._is_stuck():
            self._stop("patience")
        if decision == "continue" and whole and self._keeper is not None:
            self._keeper.keep(self.fit, self._weights, time.monotonic() - self._start)
            self._talk.alive()

    def restore(self) -> None:
        """Give the model the weights of the best epoch."""
        if self._weights:
            self.model.set_weights(self._weights)

    def _score(self, epoch: int, logs: Mapping[str, float], y_prob: FloatArray) -> dict[str, float]:
        """Append the epoch to the history, and remember it if it is the best; return its row."""
        loss, labels = float(logs.get("loss", math.nan)), self._objective.labels
        if not (math.isfinite(loss) and np.isfinite(y_prob).all()):
            raise TrialFailureError(f"not a number: the loss diverged in epoch {epoch}")
        value = float(self._objective.metric(labels, y_prob))
        if not math.isfinite(value):
            raise TrialFailureError(f"not a number: the metric in epoch {epoch}")
        log_loss = _log_loss(labels, y_prob)
        row = {
            "epoch": epoch,
            "seconds": round(time.monotonic() - self._start, 3),
            "loss": loss,
            **({"accuracy": float(logs["accuracy"])} if "accuracy" in logs else {}),
            "value": value,
            "val_log_loss": log_loss,
            "val_accuracy": float((y_prob.argmax(axis=1) == labels).mean()),
            "learning_rate": self._rate,
        }
        best = self._objective.better(value, log_loss, self.fit)
        self.fit.history.append(row)
        if best:
            self.fit.best_epoch, self.fit.y_prob = epoch, y_prob
            self._weights = self.model.get_weights()
        return row

    def _is_stuck(self) -> bool:
        return len(self.fit.history) - self.fit.best_epoch >= self._spec.patience

    def _stop(self, why: Ended) -> None:
        if not self.model.stop_training:
            self.fit.ended = why
        self.model.stop_training = True


def _log_loss(labels: IntArray, y_prob: FloatArray) -> float:
    chosen = np.clip(y_prob[np.arange(len(labels)), labels], 1e-15, 1.0)
    return float(-np.log(chosen).mean())
