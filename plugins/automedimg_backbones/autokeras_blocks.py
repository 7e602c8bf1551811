"""Build networks with AutoKeras's code; apart from their space, which is read without Keras.

AutoKeras 3.0's blocks were run on TensorFlow, and on PyTorch without TensorFlow. Its heads do not
build with Keras 3.13 or later, and are not needed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import autokeras
import keras
import keras_tuner

MAX_DEPTH = 8
"""More blocks, and layers in one, than the space has: for each a width is given."""

BLOCKS = {
    "vanilla": autokeras.ConvBlock,
    "resnet": autokeras.ResNetBlock,
    "xception": autokeras.XceptionBlock,
}


def build_blocks(input_shape: tuple[int, int, int], values: Mapping[str, Any]) -> keras.Model:
    """Build the network: images (N, H, W, C) in [0, 255] to features (N, D)."""
    image = keras.Input(input_shape, name="image")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    kind = values["block_type"]
    options = {"max_pooling": True} if kind == "vanilla" else {"pretrained": False}
    block = BLOCKS[kind](name="block", **options)
    x = block.build(_chosen("block", values), scaled)
    x = keras.layers.Activation("linear", name="gradcam")(x)
    reduction = autokeras.SpatialReduction(values["reduction_type"], name="reduction")
    features = reduction.build(keras_tuner.HyperParameters(), x)
    return keras.Model(image, features, name="autokeras")


def _chosen(block: str, values: Mapping[str, Any]) -> Any:
    """Hyperparameters that already have the values that a block is going to ask for."""
    widths = {
        f"filters_{i}_{j}": values["filters"]
        for i in range(MAX_DEPTH)
        for j in range(MAX_DEPTH)
        if "filters" in values
    }
    chosen = keras_tuner.HyperParameters()
    chosen.values = {f"{block}/{name}": value for name, value in {**values, **widths}.items()}
    return chosen
