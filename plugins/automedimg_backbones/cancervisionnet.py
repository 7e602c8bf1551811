"""CancerVisionNet, a CNN for patches of lymph node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution

from automedimg.contracts import Backbone, BuiltBackbone, Space, Weights

WIDTHS = (32, 64, 128)
DENSE = 512


class CancerVisionNet(Backbone):
    """Three blocks of three convolutions, then 512 units; for patches of 96 x 96 x 3.

    The paper's Table 3 has convolutions of 32-32-32, 64-64-64 and 128-128-128 filters, the first
    5 x 5, the rest 3 x 3; batch normalisation, max pooling and dropout after each three; dense
    512; softmax. It gives 9,922,498 trainable and 1,472 other parameters. With a linear head of
    two classes these numbers come out if convolutions keep the size (``same``) and pooling halves
    it, so that 12 x 12 x 128 values reach the dense layer, and if batch normalisation stands once
    a block, not after each convolution (224 channels), and once more after the dense layer (512):
    two moving statistics for each of 736 channels are 1,472.

    The paper's text speaks of separable convolutions, its table has plain ones: `convolutions`
    chooses. What it says nothing of is as usual: ReLU, pixels in [0, 1]; dropout is searched.
    """

    min_side = 8

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare the kind of convolution and dropout."""
        del weights
        return {
            "convolutions": CategoricalDistribution(("plain", "separable")),
            "dropout": FloatDistribution(0.0, 0.6),
        }

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """The table's network, with the paper's learning rate."""
        del weights
        return ({"convolutions": "plain", "dropout": 0.25, "learning_rate": 1e-4},)

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network: images (N, H, W, C) in [0, 255] to features (N, 512)."""
        import keras

        del weights
        layers = keras.layers
        separable = values["convolutions"] == "separable"
        convolution = layers.SeparableConv2D if separable else layers.Conv2D
        image = keras.Input(input_shape, name="image")
        x = layers.Rescaling(1 / 255)(image)
        for block, width in enumerate(WIDTHS):
            for index in range(3):
                x = convolution(
                    width,
                    5 if block == index == 0 else 3,
                    padding="same",
                    activation="relu",
                    name=f"block{block + 1}_convolution{index + 1}",
                )(x)
            x = layers.BatchNormalization(name=f"block{block + 1}_normalisation")(x)
            x = layers.MaxPooling2D(2)(x)
            x = layers.Dropout(values["dropout"])(x) if values["dropout"] else x
        x = layers.Dense(DENSE, activation="relu", name="dense")(layers.Flatten()(x))
        x = layers.BatchNormalization(name="dense_normalisation")(x)
        return BuiltBackbone(keras.Model(image, x, name="cancervisionnet"), "block3_convolution3")
