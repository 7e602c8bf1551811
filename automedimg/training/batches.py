"""Batches straight from an array on disk, in an order that the seed fixes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import FloatArray, IntArray
from automedimg.data.levels import grey_levels
from automedimg.training.sampling import draw_epoch, epoch_size


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled training batches of rows of an array, for every backend.

    Args:
        source: Array of inputs by row, of a type that `grey_levels` takes; a memory map stays on
            disk.
        rows: Rows to draw from, int64 (N,).
        labels: Class index of each, int64 (N,).
        weights: Weight of each class, float64 (K,).
        batch_size: Most rows a batch.
        seed: Of the order; epoch e uses (seed, e), or (seed, e + 1) where Keras ends an epoch
            before it begins the first, as it does on TensorFlow.
        sampling: Which rows an epoch shows; one of `sampling.SAMPLINGS`.
    """

    def __init__(
        self,
        source: npt.NDArray[Any],
        rows: IntArray,
        labels: IntArray,
        weights: FloatArray,
        batch_size: int,
        seed: int,
        sampling: str = "none",
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._source, self._rows, self._labels = source, rows, labels
        self._weights = weights.astype(np.float32)
        self._targets = np.eye(len(weights), dtype=np.float32)
        self._batch_size, self._seed, self._epoch = batch_size, seed, 0
        self._sampling, self._size = sampling, epoch_size(labels, sampling)
        self._order = self._drawn()

    def __len__(self) -> int:
        return -(-self._size // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        inputs = grey_levels(self._source[self._rows[chosen]])
        labels = self._labels[chosen]
        return inputs, self._targets[labels], self._weights[labels]

    def on_epoch_end(self) -> None:
        """Draw the next epoch's rows and their order."""
        self._epoch += 1
        self._order = self._drawn()

    def _drawn(self) -> IntArray:
        return draw_epoch(self._labels, self._sampling, self._seed, self._epoch)


def predict_rows(
    model: keras.Model, source: npt.NDArray[Any], rows: IntArray, batch_size: int = 64
) -> npt.NDArray[np.float32]:
    """Apply a model to rows of an array, in batches of one size so that it is traced once.

    Returns:
        float32 (N, ...), the model's output for each row.
    """
    outputs = []
    batch_size = min(batch_size, len(rows))
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        padded = np.resize(chosen, batch_size)  # repeats rows to fill the last batch
        output = model.predict_on_batch(grey_levels(source[padded]))
        outputs.append(np.asarray(output, dtype=np.float32)[: len(chosen)])
    return np.concatenate(outputs)


def softmax(logits: npt.NDArray[np.float32]) -> FloatArray:
    """Probabilities of logits (N, K), float64, rows sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
