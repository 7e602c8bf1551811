"""The dense head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from automedimg.contracts import Head, Space, When

if TYPE_CHECKING:
    import keras


class Dense(Head):
    """No, one or two hidden layers, dropout, and one logit a class."""

    def space(self) -> Space:
        """Declare layers, units, activation and dropout."""
        return {
            "layers": IntDistribution(0, 2),
            "units": When("layers", (1, 2), IntDistribution(32, 512, log=True)),
            "activation": When("layers", (1, 2), CategoricalDistribution(("relu", "silu", "tanh"))),
            "dropout": FloatDistribution(0.0, 0.6),
        }

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        """A linear layer; then one hidden layer."""
        return (
            {"layers": 0, "dropout": 0.2},
            {"layers": 1, "units": 256, "activation": "relu", "dropout": 0.4},
        )

    def build(self, num_features: int, num_classes: int, values: Mapping[str, Any]) -> keras.Model:
        """Build the classifier: features (N, D) to logits (N, K)."""
        import keras

        features = keras.Input((num_features,), name="features")
        x = features
        for _ in range(values["layers"]):
            x = keras.layers.Dropout(values["dropout"])(x) if values["dropout"] else x
            x = keras.layers.Dense(values["units"], activation=values["activation"])(x)
        x = keras.layers.Dropout(values["dropout"])(x) if values["dropout"] else x
        logits = keras.layers.Dense(num_classes, name="logits", dtype="float32")(x)
        return keras.Model(features, logits, name="dense_head")
