"""The head `layers`: any sizes as text, one logit for a sigmoid of two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from automedimg.errors import ConfigurationError
from automedimg.registry import load_catalog
from automedimg.search.narrowing import Wanted, build_space
from automedimg.search.weights import WeightStore
from automedimg.training.backend import prepare_backend

prepare_backend()  # before Keras is imported

import keras  # noqa: E402

from automedimg_backbones.layers import Layers, sizes_of  # noqa: E402


def build(num_features: int, num_classes: int, **values: Any) -> Any:
    chosen = {"hidden": "", "activation": "relu", "dropout": 0.0, "output": "softmax"} | values
    return Layers().build(num_features, num_classes, chosen)


def kinds(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers][1:]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("", ()), ("7", (7,)), ("8192-2048-512-128", (8192, 2048, 512, 128)), (" 64 - 32 ", (64, 32))],
)
def test_sizes_are_read(text: str, sizes: tuple[int, ...]) -> None:
    assert sizes_of(text) == sizes


@pytest.mark.parametrize(
    "text", ["-", "64-", "-64", "64--32", "0", "64-0", "6.5", "many", "1e3", "100001", "64,32", "²"]
)
def test_what_is_no_sizes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="with hyphens between them"):
        sizes_of(text)


def test_the_layers_are_those_of_the_text() -> None:
    model = build(10, 3, hidden="6-4", activation="tanh")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [6, 4, 3]
    assert [layer.activation.__name__ for layer in dense] == ["tanh", "tanh", "linear"]
    assert model.count_params() == 11 * 6 + 7 * 4 + 5 * 3


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        ("", ["Dropout", "Dense"]),
        ("6", ["Dense", "Dropout", "Dense"]),
        ("6-4", ["Dense", "Dropout", "Dense", "Dropout", "Dense"]),
    ],
)
def test_dropout_follows_hidden_layers_or_the_features(hidden: str, expected: list[str]) -> None:
    model = build(10, 3, hidden=hidden, dropout=0.5)
    assert kinds(model) == expected
    rates = [each.rate for each in model.layers if isinstance(each, keras.layers.Dropout)]
    assert set(rates) == {0.5}
    assert "Dropout" not in kinds(build(10, 3, hidden=hidden))


@pytest.mark.parametrize(
    ("output", "num_classes", "width"),
    [("sigmoid", 2, 1), ("softmax", 2, 2), ("sigmoid", 4, 4), ("softmax", 4, 4)],
)
def test_a_sigmoid_of_two_classes_is_one_logit(output: str, num_classes: int, width: int) -> None:
    model = build(10, num_classes, output=output, hidden="6")
    logits = np.asarray(model(100 * np.random.default_rng(0).normal(size=(5, 10))))
    assert logits.shape == (5, width)
    assert logits.dtype == np.float32
    assert np.abs(logits).max() > 1  # logits, no probabilities
    assert model.count_params() == 11 * 6 + 7 * width


def space_of(**fix: Any) -> Any:
    wanted = Wanted(("custom_cnn",), ("layers",), {f"layers.{n}": v for n, v in fix.items()})
    store = WeightStore([], download=False)
    return build_space(load_catalog(), wanted, store, lambda _: None)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("1024", "1024"),
        ("8192-2048-512-128", "8192-2048-512-128"),
        (500, "500"),
        ("none", ""),
        ("", ""),
    ],
)
def test_any_sizes_can_be_fixed(given: Any, taken: str) -> None:
    assert space_of(hidden=given).fixed["layers.hidden"] == taken


@pytest.mark.parametrize("given", ["wide", "512 x 2", -5, "1024-", 0])
def test_other_text_is_an_error_that_says_what_is_expected(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"`layers.hidden`: got .*, or sizes of layers"):
        space_of(hidden=given)


def test_the_other_choices_are_closed() -> None:
    with pytest.raises(ConfigurationError, match=r"expected one of \['softmax', 'sigmoid'\]\n"):
        space_of(output="tanh")


def test_a_search_does_not_consider_it_unless_it_is_named() -> None:
    store = WeightStore([], download=False)
    space = build_space(load_catalog(), Wanted(("custom_cnn",)), store, lambda _: None)
    assert "layers" not in space.heads
