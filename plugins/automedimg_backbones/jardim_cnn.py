"""The small CNN that Jardim et al. trained on Br35H."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution

from automedimg.contracts import Backbone, BuiltBackbone, Space, Weights

FILTERS = 32


class JardimCnn(Backbone):
    """Two convolutions of 32 filters and ReLU, max pooling, dropout, and the maps flattened.

    The paper's dense part, 500 units with ReLU and a sigmoid, comes from the head `layers`:
    ``--heads layers --fix hidden=500 --fix output=sigmoid``. Its images have 240 x 240 pixels. Not
    known are the size of the kernels (3 x 3 here, without padding), the dropout (searched), and
    whether pooling follows each convolution: `pooling` is ``last`` for the literal reading, whose
    445,568 features at 240 pixels make 223 million weights with 500 units, or ``each``, which
    leaves 107,648 features and 54 million.
    """

    min_side = 10

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare where to pool, and dropout."""
        del weights
        return {
            "pooling": CategoricalDistribution(("last", "each")),
            "dropout": FloatDistribution(0.0, 0.6),
        }

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """The literal reading, with the paper's learning rate."""
        del weights
        return ({"pooling": "last", "dropout": 0.25, "learning_rate": 1e-4},)

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network: images (N, H, W, C) in [0, 255] to features (N, h * w * 32)."""
        import keras

        del weights
        layers = keras.layers
        image = keras.Input(input_shape, name="image")
        x = layers.Rescaling(1 / 255)(image)
        x = layers.Conv2D(FILTERS, 3, activation="relu")(x)
        if values["pooling"] == "each":
            x = layers.MaxPooling2D(2)(x)
        x = layers.Conv2D(FILTERS, 3, activation="relu", name="last_convolution")(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(values["dropout"])(x) if values["dropout"] else x
        features = layers.Flatten()(x)
        return BuiltBackbone(keras.Model(image, features, name="jardim_cnn"), "last_convolution")
