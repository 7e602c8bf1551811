"""Random changes of training images: one affine map and one change of grey values an image.

Keras has a layer for each kind of change; in a row they made an epoch of fine-tuning a MobileNetV2
on a CPU 1.7 times as long. Their product is one map, and costs next to nothing.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from automedimg.training.changes import ALL, parse_changes

MOVES = ("flip", "vertical_flip", "rotation", "shift", "zoom", "shear")


class Augment(keras.layers.Layer):  # type: ignore[misc]
    """Mirrors, turns, shifts, zooms and shears images, and changes contrast and brightness.

    It acts in training only and is no part of a saved model.

    Args:
        strength: In [0, 1]; scales everything but mirroring, which half of the images undergo.
        seed: Of the changes.
        changes: Which, as `changes.parse_changes` reads it.

    Input shape: (N, H, W, C), values in [0, 255].
    Output shape: the same.
    """

    def __init__(self, strength: float, seed: int, changes: str = ALL, **rest: Any) -> None:
        super().__init__(**rest)
        self.strength = strength
        self._changes = parse_changes(changes)
        # XLA has no kernel for the transformation that TensorFlow moves images by.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        self._random = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Change images, each in its own way."""
        if not training or self.strength <= 0:
            return images
        if any(kind in self._changes for kind in MOVES):
            images = ops.image.affine_transform(
                images,
                self._maps(images),
                interpolation="bilinear",
                fill_mode="constant",
                data_format="channels_last",
            )
        return self._change_grey(images)

    def _maps(self, images: Any) -> Any:
        """For each image, the eight numbers that map an output pixel to the input's; (N, 8)."""
        height, width = images.shape[1], images.shape[2]
        angle, scale = self._draw(images, "rotation"), 1.0 + self._draw(images, "zoom")
        mirror = self._mirror(images, "flip")
        cos, sin = ops.cos(angle) * scale, ops.sin(angle) * scale
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        to_x = middle_x + self._draw(images, "shift") * width
        to_y = middle_y + self._draw(images, "shift") * height
        # The map's columns: where a step to the right and a step down lead.
        right, down = (mirror * cos, sin), (-mirror * sin, cos)
        if "shear" in self._changes:
            shear = self._draw(images, "shear")
            down = (down[0] + shear * right[0], down[1] + shear * right[1])
        if "vertical_flip" in self._changes:
            upright = self._mirror(images, "vertical_flip")
            right, down = (right[0], upright * right[1]), (down[0], upright * down[1])
        zero = ops.zeros_like(cos)
        rows = [
            right[0],
            down[0],
            to_x - (right[0] * middle_x + down[0] * middle_y),
            right[1],
            down[1],
            to_y - right[1] * middle_x - down[1] * middle_y,
            zero,
            zero,
        ]
        return ops.stack(rows, axis=1)

    def _change_grey(self, images: Any) -> Any:
        gain, offset = 1.0, 0.0
        if "contrast" in self._changes:
            gain = ops.reshape(1.0 + self._draw(images, "contrast"), (-1, 1, 1, 1))
        if "brightness" in self._changes:
            offset = ops.reshape(255.0 * self._draw(images, "brightness"), (-1, 1, 1, 1))
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        return ops.clip((images - mean) * gain + mean + offset, 0.0, 255.0)

    def _mirror(self, images: Any, kind: str) -> Any:
        """-1 for each image that is mirrored, 1 for the others; (N,)."""
        return ops.where(self._draw(images, kind, full=True) < 0, -1.0, 1.0)

    def _draw(self, images: Any, kind: str, *, full: bool = False) -> Any:
        """Uniform numbers up to the most of a change, either way, times the strength; (N,).

        `full` leaves the strength out. What is not to be changed is 0, and costs no draw.
        """
        if kind not in self._changes:
            return ops.zeros_like(images[:, 0, 0, 0])
        bound = self._changes.most(kind) * (1.0 if full else self.strength)
        count = ops.shape(images)[0]
        return keras.random.uniform((count,), -bound, bound, seed=self._random)
