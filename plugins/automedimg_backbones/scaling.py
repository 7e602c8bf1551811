"""What networks want of their pixels, as layers of the network itself."""

from __future__ import annotations

from typing import Any

import keras

from automedimg_backbones.keras_networks import Scaling

MEAN = (0.485, 0.456, 0.406)
STDDEV = (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, of pixels in [0, 1]."""

CAFFE_MEAN = (123.68, 116.779, 103.939)
"""The same mean of pixels in [0, 255], as the first networks took it."""


def as_colour(image: Any) -> Any:
    """Repeat the one channel of grey images: (N, H, W, 1 or 3) to (N, H, W, 3)."""
    return keras.layers.Concatenate()([image] * 3) if image.shape[-1] == 1 else image


def scaled(rgb: Any, scaling: Scaling) -> Any:
    """Bring colour images (N, H, W, 3) in [0, 255] to what a network was trained on."""
    if scaling == "tf":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0)(rgb)
    if scaling == "torch":
        scale = [1 / (255 * deviation) for deviation in STDDEV]
        offset = [-mean / deviation for mean, deviation in zip(MEAN, STDDEV, strict=True)]
        return keras.layers.Rescaling(scale, offset=offset)(rgb)
    if scaling == "caffe":
        centred = keras.layers.Rescaling(1.0, offset=[-mean for mean in CAFFE_MEAN])(rgb)
        return keras.ops.flip(centred, axis=-1)  # blue, green, red
    return rgb


def complete_normalization(network: keras.Model, *, loaded: bool) -> None:
    """Make EfficientNet's own layers divide by ImageNet's standard deviation.

    Its weight files hold the deviation where the layer expects the variance. Keras corrects that
    with one more layer, but only where it downloads the file itself (tensorflow#49930). Without
    weights the layer would do nothing at all.

    Args:
        network: Any network; those without such a layer are left alone.
        loaded: Whether a weight file was loaded into it.
    """
    for layer in network.layers:
        if not isinstance(layer, keras.layers.Normalization) or layer.input_mean is not None:
            continue
        deviation = keras.ops.convert_to_tensor(STDDEV)
        if loaded:
            layer.adapt_variance.assign(layer.adapt_variance * deviation)
        else:
            layer.adapt_mean.assign(MEAN)
            layer.adapt_variance.assign(deviation**2)
        layer.finalize_state()
