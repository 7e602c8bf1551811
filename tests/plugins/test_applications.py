"""The networks of `keras.applications` are what Keras says they are, preprocessing and all."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automedimg.contracts import Weights
from automedimg.errors import ConfigurationError
from automedimg.training.backend import prepare_backend

prepare_backend()  # before Keras is imported

import keras  # noqa: E402

from automedimg_backbones import automedimg_backbones  # noqa: E402
from automedimg_backbones.applications import Application  # noqa: E402
from automedimg_backbones.keras_networks import NETWORKS, Network  # noqa: E402
from automedimg_backbones.scaling import as_colour, complete_normalization, scaled  # noqa: E402

BY_NAME = {network.name: network for network in NETWORKS}
QUICK = ("mobilenet", "vgg16")
"""What is built and run unasked; the others take minutes together."""

BUILT = [
    pytest.param(network, id=network.name, marks=[pytest.mark.slow] * (network.name not in QUICK))
    for network in NETWORKS
]
EACH = [pytest.param(network, id=network.name) for network in NETWORKS]


def keras_module(network: Network) -> Any:
    """Keras's module of a network."""
    return importlib.import_module(getattr(keras.applications, network.constructor).__module__)


def images(side: int, channels: int = 3) -> Any:
    return np.random.default_rng(0).uniform(0, 255, (2, side, side, channels)).astype(np.float32)


def outputs(model: Any, of: Any) -> Any:
    return np.asarray(model(of, training=False))


# What the table says


def test_the_networks_of_the_plan_are_there() -> None:
    planned = (
        "vgg16 vgg19 resnet50 resnet101 resnet50v2 resnet101v2 densenet121 densenet169 inceptionv3 "
        "xception efficientnetb0 efficientnetb1 efficientnetb2 efficientnetb3 efficientnetb4 "
        "efficientnetv2b0 efficientnetv2b1 efficientnetv2b2 efficientnetv2b3 efficientnetv2s "
        "convnexttiny nasnetmobile mobilenet mobilenetv2"
    )
    assert set(BY_NAME) == set(planned.split())
    default = {network.name for network in NETWORKS if network.default}
    assert default == {"mobilenet", "mobilenetv2", "resnet50v2"}


@pytest.mark.parametrize("network", EACH)
def test_a_spec_tells_where_it_comes_from(network: Network) -> None:
    (spec,) = [spec for spec in automedimg_backbones() if spec.name == network.name]
    assert spec.source is not None
    assert "arXiv" in spec.source.citation
    assert spec.source.licence
    assert spec.gmacs > 0
    assert spec.factory().weights() == network.weights


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("mobilenet", ("mobilenet_0.75_224.weights.h5", "mobilenet_7_5_224_tf_no_top.h5")),
        (
            "mobilenetv2",
            (
                "mobilenetv2_1.00_224.weights.h5",
                "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            ),
        ),
        (
            "resnet50v2",
            (
                "resnet50v2_224.weights.h5",
                "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            ),
        ),
    ],
)
def test_files_that_people_have_are_still_found(name: str, files: tuple[str, ...]) -> None:
    assert files in [weights.files for weights in BY_NAME[name].weights]


@pytest.mark.parametrize("network", EACH)
def test_the_checksums_are_kerass(network: Network) -> None:
    folder = Path(keras_module(network).__file__).parent
    code = "".join(path.read_text() for path in folder.glob("*.py"))
    for weights in network.weights:
        checksum = weights.md5 or weights.sha256
        assert bool(checksum) != bool(network.alphas)  # Keras gives none for MobileNets
        assert f'"{checksum}"' in code or not checksum


@pytest.mark.parametrize("network", EACH)
def test_the_smallest_image_is_the_one_that_keras_takes(network: Network) -> None:
    side = network.min_side - 1
    construct = getattr(keras.applications, network.constructor)
    with pytest.raises(ValueError, match=f"at least {network.min_side}x{network.min_side}"):
        construct(input_shape=(side, side, 3), include_top=False, weights=None)
    with pytest.raises(ConfigurationError, match=f"{network.min_side} pixels or more") as caught:
        Application(network).build((224, side, 3), {}, None)
    assert f"--image-size {network.min_side}" in (caught.value.hint or "")


# Preprocessing


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("network", EACH)
def test_pixels_are_scaled_as_keras_does_it(network: Network, channels: int) -> None:
    image = keras.Input((8, 9, channels))
    found = outputs(
        keras.Model(image, scaled(as_colour(image), network.scaling)), images(9, channels)[:, :8]
    )
    colour = np.repeat(images(9, channels)[:, :8], 3 // channels, axis=-1)
    expected = keras_module(network).preprocess_input(colour.copy())
    # Keras divides where a layer multiplies: the last bit differs.
    exact = network.scaling in ("caffe", "inside")
    np.testing.assert_allclose(found, expected, rtol=0, atol=0 if exact else 1e-6)


# Against Keras itself, with the same file of weights


COSTLY = (
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)


def macs_of(model: Any) -> int:
    """Multiply-accumulates of one image, of convolutions and dense layers."""
    layers = keras.layers
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += macs_of(layer)
            continue
        if not isinstance(layer, COSTLY):
            continue
        places = math.prod(layer.output.shape[1:-1])
        wide, narrow = layer.output.shape[-1], layer.input.shape[-1]
        if isinstance(layer, layers.Dense):
            total += places * narrow * wide
        elif isinstance(layer, layers.SeparableConv2D):
            total += places * narrow * (math.prod(layer.kernel_size) + wide)
        else:
            deep = 1 if isinstance(layer, layers.DepthwiseConv2D) else narrow // layer.groups
            total += places * wide * deep * math.prod(layer.kernel_size)
    return total


@pytest.mark.parametrize("network", BUILT)
def test_the_cost_is_that_of_a_224_pixel_image(network: Network) -> None:
    construct = getattr(keras.applications, network.constructor)
    model = construct(input_shape=(224, 224, 3), include_top=False, weights=None)
    assert network.gmacs == pytest.approx(macs_of(model) / 1e9, rel=0.03)


@pytest.mark.parametrize("network", BUILT)
def test_features_are_what_keras_gives_with_the_same_weights(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = network.weights[0]
    file = tmp_path / weights.files[0]
    write_weights(network, weights, file)
    asked = []

    def get_file(name: str, origin: str, **how: Any) -> str:
        asked.append((name, origin, how.get("file_hash") or ""))
        return str(file)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    side = 224 if network.alphas else 96  # Keras has weights for some sizes of MobileNets only
    construct = getattr(keras.applications, network.constructor)
    theirs = construct(
        input_shape=(side, side, 3), include_top=False, weights="imagenet", **weights.values
    )
    assert asked == [(weights.files[-1], weights.url, weights.md5 or weights.sha256)]
    built = Application(network).build((side, side, 3), weights.values, file)
    maps = outputs(theirs, keras_module(network).preprocess_input(images(side)))
    expected = maps.mean(axis=(1, 2))
    found = outputs(built.model, images(side))
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3 * expected.std())
    other = outputs(built.model, 255 - images(side))
    assert np.abs(other - expected).max() > 0.01 * expected.std()


def write_weights(network: Network, weights: Weights, file: Path) -> None:
    """Write a file of weights through which something of the image comes out at the end.

    Nothing is added on the way: what comes out is small, but all of it comes from the image.
    """
    construct = getattr(keras.applications, network.constructor)
    model = construct(input_shape=(96, 96, 3), include_top=False, weights=None, **weights.values)
    rng = np.random.default_rng(1)
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            layer.adapt_mean.assign([0.485, 0.456, 0.406])
            layer.adapt_variance.assign([0.229, 0.224, 0.225])  # as published: the deviation
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.moving_variance.shape))
    model.save_weights(file)


def normalization(mean: Any, variance: Any) -> Any:
    """EfficientNet's first layers, with such weights: float pixels in [0, 255] to scaled ones."""
    layer = keras.layers.Normalization(axis=-1)
    model = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Rescaling(1 / 255), layer])
    layer.adapt_mean.assign(mean)
    layer.adapt_variance.assign(variance)
    layer.finalize_state()
    return model


@pytest.mark.parametrize("loaded", [True, False])
def test_efficientnet_divides_by_imagenets_deviation(loaded: bool) -> None:
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    # The published files hold the deviation where the layer takes the variance.
    model = normalization(mean, deviation) if loaded else normalization([0] * 3, [1] * 3)
    complete_normalization(model, loaded=loaded)
    pixels = images(1)
    expected = (pixels / 255 - np.asarray(mean)) / np.asarray(deviation)
    np.testing.assert_allclose(outputs(model, pixels), expected, atol=1e-5)


def test_other_normalization_is_left_alone() -> None:
    layer = keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 4.0, 4.0])
    model = keras.Sequential([keras.Input((1, 1, 3)), layer])
    before = outputs(model, images(1))
    complete_normalization(model, loaded=False)
    np.testing.assert_array_equal(outputs(model, images(1)), before)
