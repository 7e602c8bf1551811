"""Networks and classifiers have the parameters that the papers' tables give them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from automedimg.contracts import Backbone
from automedimg.errors import ConfigurationError
from automedimg.registry import load_catalog
from automedimg.search.narrowing import Wanted, build_space
from automedimg.search.weights import WeightStore
from automedimg.testing.spaces import any_values
from automedimg.training.backend import prepare_backend

prepare_backend()  # before Keras is imported

import keras  # noqa: E402

CATALOG = load_catalog()


def build(name: str, shape: tuple[int, int, int], **values: Any) -> Any:
    backbone: Backbone = CATALOG.backbones.make(name)
    return backbone.build(shape, any_values(backbone.space(()), values), None)


def classifier(built: Any, num_classes: int, **values: Any) -> Any:
    """The network with the head `layers` on it."""
    head = CATALOG.heads.make("layers")
    chosen = {"activation": "relu", "dropout": 0.0, "output": "softmax", "hidden": ""} | values
    top = head.build(built.model.output_shape[-1], num_classes, chosen)
    return keras.Model(built.model.input, top(built.model.output))


def count(weights: Any) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def images(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype(np.float32)


# Table 1 of Balamurugan & Datar (2025): frozen base, global average, Dense 1024, Dense 1


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg16", 15_241_025),
        ("resnet50", 25_686_913),
        ("mobilenetv2", 3_570_753),
        # With ConvNeXt's last layer normalisation, which Keras leaves in; 1,536 less without it.
        ("convnexttiny", 28_608_609),
    ],
)
def test_the_adrenal_papers_networks_have_its_parameters(name: str, parameters: int) -> None:
    width = {"alpha": 1.0} if name == "mobilenetv2" else {}
    built = build(name, (32, 32, 3), **width)
    model = classifier(built, 2, hidden="1024", output="sigmoid")
    assert model.output_shape == (None, 1)
    assert model.count_params() == parameters


# CancerVisionNet


def test_cancervisionnet_has_the_parameters_of_its_table() -> None:
    built = build("cancervisionnet", (96, 96, 3), convolutions="plain")
    model = classifier(built, 2)
    assert count(model.trainable_weights) == 9_922_498
    assert count(model.non_trainable_weights) == 1_472


def test_cancervisionnets_blocks_are_those_of_its_table() -> None:
    built = build("cancervisionnet", (96, 96, 3), convolutions="plain")
    convolutions = [each for each in built.model.layers if isinstance(each, keras.layers.Conv2D)]
    assert [each.filters for each in convolutions] == [32] * 3 + [64] * 3 + [128] * 3
    assert [each.kernel_size for each in convolutions] == [(5, 5)] + [(3, 3)] * 8
    kinds = [type(each).__name__ for each in built.model.layers]
    block = ["Conv2D"] * 3 + ["BatchNormalization", "MaxPooling2D", "Dropout"]
    end = ["Flatten", "Dense", "BatchNormalization"]
    assert kinds == ["InputLayer", "Rescaling", *block * 3, *end]
    assert built.model.output_shape == (None, 512)


def test_separable_convolutions_take_the_place_of_plain_ones() -> None:
    plain = build("cancervisionnet", (96, 96, 3), convolutions="plain").model
    model = build("cancervisionnet", (96, 96, 3), convolutions="separable").model
    separable = [x for x in model.layers if isinstance(x, keras.layers.SeparableConv2D)]
    assert len(separable) == 9
    assert not any(type(each) is keras.layers.Conv2D for each in model.layers)
    # Of i to o channels, a plain one has k * k * i * o + o weights, a separable one
    # k * k * i + i * o + o.
    channels = [3, 32, 32, 32, 64, 64, 64, 128, 128, 128]
    saved = 0
    for index, (few, many) in enumerate(pairwise(channels)):
        area = 25 if index == 0 else 9
        saved += area * few * many - (area * few + few * many)
    assert plain.count_params() - model.count_params() == saved


# The small ones


@pytest.mark.parametrize(
    ("pooling", "features", "parameters"),
    [("last", 118 * 118 * 32, 222_795_145), ("each", 58 * 58 * 32, 53_835_145)],
)
def test_jardims_network_at_240_pixels(pooling: str, features: int, parameters: int) -> None:
    built = build("jardim_cnn", (240, 240, 3), pooling=pooling)
    assert built.model.output_shape == (None, features)
    own = 3 * 9 * 32 + 32 + 32 * 9 * 32 + 32
    assert built.model.count_params() == own
    assert own + features * 500 + 500 + 501 == parameters


def test_jardims_dense_part_comes_from_the_head() -> None:
    built = build("jardim_cnn", (32, 32, 3), pooling="last")
    model = classifier(built, 2, hidden="500", output="sigmoid")
    features = 14 * 14 * 32
    assert model.count_params() == 896 + 9_248 + features * 500 + 500 + 501


def test_zhangs_network_at_100_pixels() -> None:
    built = build("zhang_cnn", (100, 100, 1))
    assert built.model.output_shape == (None, 10 * 10 * 128)
    assert built.model.count_params() == (25 * 64 + 64) + (25 * 64 * 32 + 32) + (9 * 32 * 128 + 128)
    convolutions = [each for each in built.model.layers if isinstance(each, keras.layers.Conv2D)]
    assert [each.filters for each in convolutions] == [64, 32, 128]
    assert [each.kernel_size for each in convolutions] == [(5, 5), (5, 5), (3, 3)]


def test_zhangs_network_sees_grey_in_0_to_1() -> None:
    grey, colour = build("zhang_cnn", (32, 32, 1)).model, build("zhang_cnn", (32, 32, 3)).model
    colour.set_weights(grey.get_weights())
    pixels = images((32, 32, 1))
    given = np.asarray(grey(pixels))
    np.testing.assert_allclose(
        given, np.asarray(colour(np.repeat(pixels, 3, axis=-1))), rtol=1e-3, atol=1e-3
    )
    first = grey.get_layer("convolution1")
    scaled = np.asarray(keras.Model(grey.input, first.input)(pixels))
    np.testing.assert_allclose(scaled, pixels / 255, atol=1e-6)


SMALL = ("cancervisionnet", "jardim_cnn", "zhang_cnn")


@pytest.mark.parametrize("name", SMALL)
def test_the_cost_is_that_of_a_224_pixel_image(name: str) -> None:
    spec = CATALOG.backbones.get(name)
    built = build(name, (224, 224, 1 if name == "zhang_cnn" else 3))
    total = 0
    for layer in built.model.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            places = math.prod(layer.output.shape[1:-1])
            total += places * math.prod(layer.kernel.shape)
    assert spec.gmacs == pytest.approx(total / 1e9, rel=0.03)


@pytest.mark.parametrize("name", SMALL)
def test_the_smallest_image_is_the_smallest_that_can_be_built(name: str) -> None:
    backbone = CATALOG.backbones.make(name)
    for values in ({"pooling": "last"}, {"pooling": "each"}):
        built = build(name, (backbone.min_side, backbone.min_side, 3), **values)
        assert np.isfinite(np.asarray(built.model(images(built.model.input_shape[1:])))).all()
    side = backbone.min_side - 1
    with pytest.raises(ValueError, match=r"negative dimension|smaller|size"):
        build(name, (side, side, 3), pooling="each").model(images((side, side, 3)))


@pytest.mark.parametrize("name", SMALL)
def test_gradcams_layer_is_the_last_convolution(name: str) -> None:
    built = build(name, (64, 64, 3))
    convolutions = [each for each in built.model.layers if isinstance(each, keras.layers.Conv2D)]
    assert built.gradcam_layer == convolutions[-1].name


# Together, as a user asks for it


def test_a_papers_protocol_can_be_asked_for() -> None:
    fix = {"hidden": "500", "layers.dropout": "0", "output": "sigmoid", "pooling": "each"}
    wanted = Wanted(("jardim_cnn",), ("layers",), fix, image_size=240)
    space = build_space(CATALOG, wanted, WeightStore([], download=False), lambda _: None)
    assert space.fixed["layers.hidden"] == "500"
    assert space.fixed["jardim_cnn.pooling"] == "each"
    with pytest.raises(ConfigurationError, match="too small for zhang_cnn"):
        wanted = Wanted(("zhang_cnn",), image_size=24)
        build_space(CATALOG, wanted, WeightStore([], download=False), lambda _: None)
