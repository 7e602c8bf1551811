"""What a worker sees of the data: rows of the pixel cache with labels, by split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.contracts import FloatArray, IntArray, RunContext

SPLIT_CODES = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the split.

    Args:
        rows: Rows in the pixel cache, int64 (N,).
        labels: Class indices, int64 (N,).
        groups: Number of the group of each, int64 (N,); None where groups aren't known.
    """

    rows: IntArray
    labels: IntArray
    groups: IntArray | None = None


class TrialData:
    """The memory-mapped pixels and the split of a run, as one preprocessing shows them.

    Args:
        context: Of the run.
        preprocessing: Name of the preprocessing.
    """

    def __init__(self, context: RunContext, preprocessing: str) -> None:
        self.context = context
        self.source = Path(context.pixels[preprocessing])
        self.pixels: npt.NDArray[Any] = np.load(self.source, mmap_mode="r", allow_pickle=False)
        self._table: dict[str, npt.NDArray[Any]] = {}

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.context.classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of an image."""
        height, width, channels = self.pixels.shape[1:]
        return height, width, channels

    def side(self, split: str) -> Side:
        """Return one side of the split: ``train``, ``validation`` or ``test``."""
        if not self._table:  # the pixels are known before the split is
            with np.load(self.context.rows, allow_pickle=False) as table:
                self._table = {name: table[name] for name in table.files}
        table = self._table
        inside = table["split"] == SPLIT_CODES[split]
        groups = table["group"][inside] if "group" in table else None
        return Side(table["row"][inside], table["label"][inside], groups)


def class_weights(labels: IntArray, num_classes: int, scheme: str) -> FloatArray:
    """Weight of each class in the loss, float64 (K,).

    ``balanced`` weighs a class by the inverse of its share, so that each adds up to the same;
    King & Zeng (2001), Logistic Regression in Rare Events Data. ``none`` weighs all by 1.
    """
    counts = np.bincount(labels, minlength=num_classes)
    if scheme == "none":
        return np.ones(num_classes)
    return np.asarray(len(labels) / (num_classes * np.maximum(counts, 1)), dtype=np.float64)


def save_predictions(path: Path, side: Side, y_prob: FloatArray) -> None:
    """Write the predictions for one side of the split as an npz: row, y_true, y_prob."""
    np.savez(path, row=side.rows, y_true=side.labels, y_prob=y_prob)
