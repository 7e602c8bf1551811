"""The CNN that Zhang trained on blood smears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automedimg.contracts import Backbone, BuiltBackbone, Space, Weights


class ZhangCnn(Backbone):
    """Three convolutions of grey pixels in [0, 1], pooled after each, and the maps flattened.

    64 filters of 5 x 5, 32 of 5 x 5, 128 of 3 x 3, each with ReLU and 2 x 2 max pooling; without
    padding, as Keras does it unasked. Colour images are made grey first. The paper's images have
    100 x 100 pixels. Its dense part, 128 units and dropout 0.5, comes from the head `layers`:
    ``--heads layers --fix hidden=128 --fix dropout=0.5``.
    """

    min_side = 28

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare nothing: the architecture is fixed."""
        del weights
        return {}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """The paper's learning rate."""
        del weights
        return ({"learning_rate": 1e-3},)

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network: images (N, H, W, C) in [0, 255] to features (N, h * w * 128)."""
        import keras

        del values, weights
        layers = keras.layers
        image = keras.Input(input_shape, name="image")
        grey = keras.ops.image.rgb_to_grayscale(image) if input_shape[-1] == 3 else image
        x = layers.Rescaling(1 / 255)(grey)
        for index, (filters, size) in enumerate(((64, 5), (32, 5), (128, 3)), start=1):
            x = layers.Conv2D(filters, size, activation="relu", name=f"convolution{index}")(x)
            x = layers.MaxPooling2D(2)(x)
        features = layers.Flatten()(x)
        return BuiltBackbone(keras.Model(image, features, name="zhang_cnn"), "convolution3")
