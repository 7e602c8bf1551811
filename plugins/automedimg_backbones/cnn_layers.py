"""The layers of the searched CNN; apart from it, so that its space is read without Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

MAX_FILTERS = 256


def build_cnn(input_shape: tuple[int, int, int], values: Mapping[str, Any]) -> keras.Model:
    """Build the network: images (N, H, W, C) in [0, 255] to features (N, D)."""
    image = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    for block in range(values["blocks"]):
        x = _block(x, block, values)
    x = keras.layers.Activation("linear", name="gradcam")(x)
    # The maximum sees what a mean over the whole image drowns: a small lesion.
    everywhere = keras.layers.GlobalAveragePooling2D()(x)
    anywhere = keras.layers.GlobalMaxPooling2D()(x)
    features = keras.layers.Concatenate()([everywhere, anywhere])
    return keras.Model(image, features, name="custom_cnn")


def _block(x: Any, block: int, values: Mapping[str, Any]) -> Any:
    filters = min(values["filters"] * 2**block, MAX_FILTERS)
    strides = 2 if values["pooling"] == "stride" else 1
    normalised = values["normalisation"] != "none"
    x = keras.layers.Conv2D(
        filters,
        values["kernel_size"],
        strides=strides,
        padding="same",
        use_bias=not normalised,
        kernel_initializer="he_normal",
    )(x)
    if values["normalisation"] == "batch":
        # Searches train for few epochs: the moving averages must settle within one of them.
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
    elif values["normalisation"] == "group":
        x = keras.layers.GroupNormalization(groups=8)(x)
    x = keras.layers.Activation(values["activation"])(x)
    if values["pooling"] == "max":
        x = keras.layers.MaxPooling2D(2, padding="same")(x)
    elif values["pooling"] == "average":
        x = keras.layers.AveragePooling2D(2, padding="same")(x)
    return keras.layers.SpatialDropout2D(values["dropout"])(x) if values["dropout"] else x
