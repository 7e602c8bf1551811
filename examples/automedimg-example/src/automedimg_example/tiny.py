"""A backbone of two convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automedimg.contracts import Backbone, BuiltBackbone, Space, Weights
from optuna.distributions import CategoricalDistribution, IntDistribution


class Tiny(Backbone):
    """Two convolutions and a global maximum. It has no pretrained weights."""

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare filters and kernel size."""
        del weights
        return {
            "filters": IntDistribution(4, 32, log=True),
            "kernel_size": CategoricalDistribution((3, 5)),
        }

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """The configuration that is tried first; `learning_rate` belongs to training."""
        del weights
        return ({"filters": 16, "kernel_size": 5, "learning_rate": 3e-3},)

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build it: images (N, H, W, C) in [0, 255] to features (N, 2 * filters)."""
        import keras  # only here: listing plugins must not import it

        del weights
        layers, filters, size = keras.layers, values["filters"], values["kernel_size"]
        image = keras.Input(input_shape, name="image")
        x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
        x = layers.Conv2D(filters, size, strides=2, padding="same", activation="relu")(x)
        x = layers.Conv2D(2 * filters, size, padding="same", activation="relu", name="map")(x)
        return BuiltBackbone(keras.Model(image, layers.GlobalMaxPooling2D()(x)), "map")
