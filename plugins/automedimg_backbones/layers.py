"""The head whose hidden layers are written as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution

from automedimg.contracts import Head, Space

if TYPE_CHECKING:
    import keras

MOST_UNITS = 100_000
"""Of one layer; more is a slip of the finger."""


class Layers(Head):
    """Any dense layers: the classifiers that papers put on their networks.

    `hidden` is their sizes with hyphens between them, e.g. ``8192-2048-512-128``; empty for none.
    `--fix hidden=...` takes any sizes, and ``none``. Dropout follows each hidden layer, or the
    features where there is none. `output` is what the paper calls it: with two classes a
    ``sigmoid`` is one logit, that of the second class, a ``softmax`` one logit a class. With more
    classes there is one a class either way.
    """

    def space(self) -> Space:
        """Declare the hidden layers, their activation, dropout and the output."""
        return {
            "hidden": CategoricalDistribution(("", "128", "512", "1024", "512-128")),
            # Alive also without hidden layers: fixed ones may be any, which `When` can't say.
            "activation": CategoricalDistribution(("relu", "silu", "tanh")),
            "dropout": FloatDistribution(0.0, 0.6),
            "output": CategoricalDistribution(("softmax", "sigmoid")),
        }

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        """One wide layer, as most papers have it; then none."""
        return (
            {"hidden": "1024", "activation": "relu", "dropout": 0.0, "output": "softmax"},
            {"hidden": "", "activation": "relu", "dropout": 0.2, "output": "softmax"},
        )

    def accept(self, name: str, value: Any) -> Any:
        """Take any sizes of hidden layers.

        Raises:
            ValueError: they are none, or it is another parameter.
        """
        if name != "hidden":
            return super().accept(name, value)
        text = str(value).strip()
        return "" if text == "none" else "-".join(str(units) for units in sizes_of(text))

    def build(self, num_features: int, num_classes: int, values: Mapping[str, Any]) -> keras.Model:
        """Build the classifier: features (N, D) to logits (N, K), or (N, 1) for a sigmoid."""
        import keras

        features = keras.Input((num_features,), name="features")
        rate, x = values["dropout"], features
        sizes = sizes_of(values["hidden"])
        for units in sizes:
            x = keras.layers.Dense(units, activation=values["activation"])(x)
            x = keras.layers.Dropout(rate)(x) if rate else x
        if rate and not sizes:
            x = keras.layers.Dropout(rate)(x)
        one = values["output"] == "sigmoid" and num_classes == 2
        logits = keras.layers.Dense(1 if one else num_classes, name="logits", dtype="float32")(x)
        return keras.Model(features, logits, name="layers_head")


def sizes_of(text: str) -> tuple[int, ...]:
    """Read the sizes of layers: ``512-128`` is (512, 128), nothing is ().

    Raises:
        ValueError: it is no such text.
    """
    text = text.replace(" ", "")
    sizes = (
        tuple(int(part) for part in text.split("-")) if re.fullmatch(r"\d+(-\d+)*", text) else ()
    )
    if (text and not sizes) or not all(1 <= units <= MOST_UNITS for units in sizes):
        raise ValueError(
            f"sizes of layers from 1 to {MOST_UNITS} with hyphens between them, as in 2048-512, "
            "or none"
        )
    return sizes
