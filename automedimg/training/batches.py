"""Batches straight from an array on disk, in an order that the seed fixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import FloatArray, IntArray
from automedimg.data.levels import grey_levels
from automedimg.training.accumulation import deal
from automedimg.training.beside import Rows
from automedimg.training.sampling import draw_epoch, epoch_size

PREDICTED = 64
"""Images that a model is applied to at once."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled training batches of rows of an array, for every backend.

    Args:
        source: Array of inputs by row, of a type that `grey_levels` takes; a memory map stays on
            disk.
        rows: Rows to draw from, int64 (N,).
        labels: Class index of each, int64 (N,).
        weights: Weight of each class, float64 (K,).
        batch_size: Most rows an update.
        seed: Of the order; epoch e, counted from 1, uses (seed, e).
        sampling: Which rows an epoch shows; one of `sampling.SAMPLINGS`.
        steps: How many steps share an update's rows; one of those is then what Keras calls a batch.
        views: Other inputs for the same rows, in their order. Epochs take turns: the first shows
            `source`, the next the first view, and so on.

    Whoever trains calls `begin` at the beginning of each epoch. Keras's own `on_epoch_end` is of no
    use: it comes once too often, before the first epoch, and a fit may begin with a later one.
    """

    def __init__(
        self,
        source: Rows,
        rows: IntArray,
        labels: IntArray,
        weights: FloatArray,
        batch_size: int,
        seed: int,
        sampling: str = "none",
        steps: int = 1,
        views: Sequence[Rows] = (),
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._source, self._rows, self._labels = _plain(source), rows, labels
        self._weights = weights.astype(np.float32)
        self._targets = np.eye(len(weights), dtype=np.float32)
        self._batch_size, self._seed, self._steps = batch_size, seed, steps
        self._sampling, self._size = sampling, epoch_size(labels, sampling)
        self._views, self._shown = [_plain(view) for view in views], 0
        self.begin(1)

    def __len__(self) -> int:
        return -(-self._size // self._batch_size) * self._steps

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        batch, step = divmod(index, self._steps)
        whole = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        places, factors = deal(len(whole), self._steps, step)
        chosen = whole[places]
        inputs = grey_levels(self._inputs(chosen))
        labels = self._labels[chosen]
        return inputs, self._targets[labels], self._weights[labels] * factors

    def _inputs(self, chosen: IntArray) -> npt.NDArray[Any]:
        if self._shown == 0:
            return self._source[self._rows[chosen]]
        return self._views[self._shown - 1][chosen]

    def begin(self, epoch: int) -> None:
        """Draw the rows of an epoch, counted from 1, and their order."""
        self._shown = (epoch - 1) % (len(self._views) + 1)
        self._order = draw_epoch(self._labels, self._sampling, self._seed, epoch)


def predict_rows(
    model: keras.Model,
    source: Rows,
    rows: IntArray,
    batch_size: int = PREDICTED,
    alive: Callable[[], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Apply a model to rows of an array, in batches of one size so that it is traced once.

    Args:
        model: What to apply.
        source: Array of inputs by row, of a type that `grey_levels` takes.
        rows: Rows to apply it to, int64 (N,) with N >= 1.
        batch_size: Most rows at once. Another one may round the last digit in another way.
        alive: Called after each batch.
    Returns:
        float32 (N, ...), the model's output for each row.
    """
    outputs, source = [], _plain(source)
    batch_size = min(batch_size, len(rows))
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        padded = np.resize(chosen, batch_size)  # repeats rows to fill the last batch
        output = model.predict_on_batch(grey_levels(source[padded]))
        outputs.append(np.asarray(output, dtype=np.float32)[: len(chosen)])
        if alive is not None:
            alive()
    return np.concatenate(outputs)


def _plain(source: Rows) -> Rows:
    """A plain view of a memory map: each look into one would make another `memmap`."""
    return np.asarray(source) if isinstance(source, np.memmap) else source


def softmax(logits: npt.NDArray[np.float32]) -> FloatArray:
    """Probabilities of logits (N, K), float64, rows sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
