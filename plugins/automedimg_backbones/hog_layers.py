"""Histograms of oriented gradients as a Keras layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

CLIP = 0.2
"""No share of a block's norm counts for more: Dalal & Triggs's L2-Hys."""

BLOCK = 2
"""Cells on a side of a block."""

TINY = 1e-5
"""Added to norms, of images in [0, 1]."""


@keras.saving.register_keras_serializable("automedimg")
class Hog(keras.layers.Layer):  # type: ignore[misc]
    """Histograms of oriented gradients.

    Each pixel votes, with the size of its gradient, for the direction that this has, without its
    sign. Cells sum votes; overlapping blocks of 2 x 2 cells are scaled to norm 1, clipped, and
    scaled again. Of colours the mean is taken. Pixels that make no whole cell count for nothing.
    Source: Dalal & Triggs (2005), Histograms of Oriented Gradients for Human Detection, CVPR.

    Args:
        orientations: O, directions in half a turn.
        cell: Side of a cell in pixels.

    Input shape: (N, H, W, C), values in [0, 255].
    Output shape: (N, blocks down * blocks across * 4 O).
    """

    def __init__(self, orientations: int, cell: int, **rest: Any) -> None:
        super().__init__(**{"trainable": False, "dtype": "float32", **rest})
        self.orientations, self.cell = orientations, cell

    def call(self, images: Any) -> Any:
        """Describe each image."""
        grey = ops.mean(images, axis=-1) / 255.0
        histograms = self._cells(*_gradients(grey))
        blocks = self._blocks(histograms)
        size = math.prod(blocks.shape[1:])
        return ops.reshape(_normalised(blocks), (-1, size))

    def _cells(self, down: Any, across: Any) -> Any:
        """Histograms of cells, (N, rows, columns, O): mean votes of a pixel."""
        height, width = down.shape[1] // self.cell, down.shape[2] // self.cell
        size = ops.sqrt(ops.square(down) + ops.square(across))
        # In [0, O): a direction and its opposite are one.
        turns = ops.arctan2(down, across) * (self.orientations / math.pi)
        turns = ops.where(turns < 0, turns + self.orientations, turns)
        which = ops.floor(turns)
        which = ops.where(which >= self.orientations, which - self.orientations, which)
        votes = [
            self._pooled(ops.where(which == k, size, 0.0), height, width)
            for k in range(self.orientations)
        ]
        return ops.stack(votes, axis=-1)

    def _pooled(self, votes: Any, height: int, width: int) -> Any:
        whole = votes[:, : height * self.cell, : width * self.cell]
        parted = ops.reshape(whole, (-1, height, self.cell, width, self.cell))
        return ops.mean(parted, axis=(2, 4))

    def _blocks(self, cells: Any) -> Any:
        """Neighbouring cells side by side, (N, rows, columns, 4 O)."""
        down, across = min(BLOCK, cells.shape[1]), min(BLOCK, cells.shape[2])
        rows, columns = cells.shape[1] - down + 1, cells.shape[2] - across + 1
        shifted = [
            cells[:, y : y + rows, x : x + columns] for y in range(down) for x in range(across)
        ]
        return ops.concatenate(shifted, axis=-1)

    def compute_output_shape(self, input_shape: Sequence[int]) -> tuple[Any, ...]:
        """(N, D)."""
        cells = [side // self.cell for side in input_shape[1:3]]
        blocks = [max(1, num - BLOCK + 1) * min(BLOCK, num) for num in cells]
        return (input_shape[0], math.prod(blocks) * self.orientations)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {**super().get_config(), "orientations": self.orientations, "cell": self.cell}


def _gradients(grey: Any) -> tuple[Any, Any]:
    """Central differences down and across, (N, H, W) each; 0 at the border."""
    down = ops.pad(grey[:, 2:] - grey[:, :-2], ((0, 0), (1, 1), (0, 0)))
    across = ops.pad(grey[:, :, 2:] - grey[:, :, :-2], ((0, 0), (0, 0), (1, 1)))
    return down, across


def _normalised(blocks: Any) -> Any:
    for clip in (True, False):
        norm = ops.sqrt(ops.sum(ops.square(blocks), axis=-1, keepdims=True) + TINY**2)
        blocks = blocks / norm
        if clip:
            blocks = ops.minimum(blocks, CLIP)
    return blocks
