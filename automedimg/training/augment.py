"""Random changes of training images: one affine map and one change of grey values an image.

Keras has a layer for each kind of change; in a row they made an epoch of fine-tuning a MobileNetV2
on a CPU 1.7 times as long. Their product is one map, and costs next to nothing.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

TURN = 0.1
"""Most rotation, as a share of a full turn, at strength 1."""

SHIFT = 0.15
"""Most shift, as a share of the image's side, at strength 1."""

ZOOM = 0.15
"""Most change of scale at strength 1."""

CONTRAST = 0.3
"""Most change of contrast, and of brightness as a share of the range, at strength 1."""


class Augment(keras.layers.Layer):  # type: ignore[misc]
    """Mirrors, turns, shifts and zooms images, and changes contrast and brightness.

    It acts in training only and is no part of a saved model.

    Args:
        strength: In [0, 1]; scales everything but mirroring, which half of the images undergo.
        seed: Of the changes.

    Input shape: (N, H, W, C), values in [0, 255].
    Output shape: the same.
    """

    def __init__(self, strength: float, seed: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.strength = strength
        self._random = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Change images, each in its own way."""
        if not training or self.strength <= 0:
            return images
        count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
        moved = ops.image.affine_transform(
            images,
            self._maps(count, height, width),
            interpolation="bilinear",
            fill_mode="constant",
            data_format="channels_last",
        )
        return self._change_grey(moved, count)

    def _maps(self, count: Any, height: int, width: int) -> Any:
        """For each image, the eight numbers that map an output pixel to the input's; (N, 8)."""
        angle = self._draw(count, 2 * math.pi * TURN)
        scale = 1.0 + self._draw(count, ZOOM)
        mirror = ops.where(self._draw(count, 1.0, full=True) < 0, -1.0, 1.0)
        cos, sin = ops.cos(angle) * scale, ops.sin(angle) * scale
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        to_x = middle_x + self._draw(count, SHIFT) * width
        to_y = middle_y + self._draw(count, SHIFT) * height
        zero = ops.zeros_like(cos)
        rows = [
            mirror * cos,
            -mirror * sin,
            to_x - mirror * (cos * middle_x - sin * middle_y),
            sin,
            cos,
            to_y - sin * middle_x - cos * middle_y,
            zero,
            zero,
        ]
        return ops.stack(rows, axis=1)

    def _change_grey(self, images: Any, count: Any) -> Any:
        gain = ops.reshape(1.0 + self._draw(count, CONTRAST), (-1, 1, 1, 1))
        offset = ops.reshape(255.0 * self._draw(count, CONTRAST / 2), (-1, 1, 1, 1))
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        return ops.clip((images - mean) * gain + mean + offset, 0.0, 255.0)

    def _draw(self, count: Any, most: float, *, full: bool = False) -> Any:
        """Uniform numbers in [-most, most] times the strength; `full` leaves that out; (N,)."""
        bound = most if full else most * self.strength
        return keras.random.uniform((count,), -bound, bound, seed=self._random)
