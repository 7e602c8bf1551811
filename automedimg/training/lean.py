"""Train a head on features without tracing anything: it has what `fit` and `Keeper` ask of a model.

The numbers are those of Keras to the last digits but a few; dropout draws others, from a generator
that is a function of the seed and the epoch, so that a checkpoint needs no state of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from automedimg.contracts import TrialSpec
from automedimg.training.batches import Batches
from automedimg.training.optimizers import make_optimizer
from automedimg.training.stack import Stack, read_stack
from automedimg.training.stack_losses import LossSlope, make_loss_slope
from automedimg.training.stack_updates import Update, make_update


class Variable:
    """An array that a checkpoint can read and write, as it does a Keras variable.

    Args:
        name: Of its kind.
        array: A view of what is trained.
    """

    def __init__(self, name: str, array: npt.NDArray[Any]) -> None:
        self.name, self._array = name, array
        self.shape, self.dtype = array.shape, str(array.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        del copy
        return np.array(self._array, dtype=dtype)

    def assign(self, value: npt.NDArray[Any]) -> None:
        """Write it."""
        self._array[...] = value


class _Optimizer:
    """What `Watch` and `ModelState` see of an update."""

    built = True

    def __init__(self, update: Update) -> None:
        self._update = update
        self._iterations = np.zeros((), np.int64)
        slots = (Variable("slot", slot) for slot in update.slots)
        self.variables = [Variable("iterations", self._iterations), *slots]

    @property
    def learning_rate(self) -> float:
        return self._update.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._update.learning_rate = float(value)

    def apply(self, stack: Stack) -> None:
        self._update.iterations = int(self._iterations)  # a checkpoint may have set it
        self._update.apply(stack.parameters, stack.gradient)
        self._iterations[...] = self._update.iterations


class LeanHead:
    """A head in training, with the part of a Keras model's interface that `fit` uses.

    Args:
        stack: Its layers.
        update: What changes them.
        loss: What they are to make small.
        seed: Of dropout.
        accuracy: Whether callbacks are told the accuracy of an epoch, as they are its loss.
    """

    def __init__(
        self, stack: Stack, update: Update, loss: LossSlope, seed: int, *, accuracy: bool = False
    ) -> None:
        self._stack, self._loss, self._seed, self._accuracy = stack, loss, seed, accuracy
        self.optimizer = _Optimizer(update)
        self.stop_training = False
        self.variables = [Variable("array", array) for array in stack.arrays()]

    @property
    def trainable_variables(self) -> list[Variable]:
        """All of them."""
        return self.variables

    @property
    def weights(self) -> list[Variable]:
        """All of them."""
        return self.variables

    def get_weights(self) -> list[npt.NDArray[np.float32]]:
        """Copies, in the order of Keras."""
        return [array.copy() for array in self._stack.arrays()]

    def set_weights(self, weights: Sequence[npt.NDArray[Any]]) -> None:
        """Write them."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def predict_on_batch(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Features (N, D) to logits (N, K)."""
        return self._stack.predict(inputs)

    def fit(
        self,
        batches: Batches,
        *,
        initial_epoch: int,
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback],
        **_: Any,
    ) -> None:
        """Train, as a Keras model does: from one epoch to another, with callbacks.

        Args:
            batches: What it trains on.
            initial_epoch: Epochs done before.
            epochs: Number of the last one.
            callbacks: Are called at the beginning, at each epoch's begin and end, and after each
                batch.
        """
        for callback in callbacks:
            callback.on_train_begin()
        # A batch's matrices are small: threads would wait for each other longer than they work.
        with threadpool_limits(1, user_api="blas"):
            for epoch in range(initial_epoch, epochs):
                if self.stop_training:
                    break
                for callback in callbacks:
                    callback.on_epoch_begin(epoch)
                logs = self._epoch(batches, epoch, callbacks)
                for callback in callbacks:
                    callback.on_epoch_end(epoch, logs)

    def _epoch(
        self, batches: Batches, epoch: int, callbacks: Sequence[keras.callbacks.Callback]
    ) -> dict[str, float]:
        rng = np.random.default_rng((self._seed, epoch, 1))
        total, right, seen = 0.0, 0, 0
        # What diverges is noticed by its loss, at the end of the epoch.
        with np.errstate(all="ignore"):
            for index in range(len(batches)):
                inputs, targets, weights = batches[index]
                logits, passed = self._stack.forward(inputs, rng)
                loss, slope = self._loss(logits, targets, weights)
                self._stack.backward(passed, slope)
                self.optimizer.apply(self._stack)
                total, seen = total + loss * len(inputs), seen + len(inputs)
                if self._accuracy:
                    right += int((logits.argmax(axis=1) == targets.argmax(axis=1)).sum())
                for callback in callbacks:
                    callback.on_train_batch_end(index)
                if self.stop_training:
                    break
        return {"loss": total / seen, **({"accuracy": right / seen} if self._accuracy else {})}


def make_lean(head: keras.Model, spec: TrialSpec) -> LeanHead | None:
    """Make the lean twin of a head, with its present weights; None if it has to be Keras's.

    Args:
        head: Features (N, D) to logits (N, K).
        spec: Its ``fit`` names optimizer and loss; ``score_train`` counts.
    """
    stack, loss = read_stack(head), make_loss_slope(spec.fit)
    if stack is None or loss is None:
        return None
    update = make_update(make_optimizer(spec.fit), len(stack.parameters))
    if update is None:
        return None
    return LeanHead(stack, update, loss, spec.seed, accuracy=spec.score_train)
