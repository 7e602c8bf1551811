"""Networks cut in two where all below is frozen: the two parts are the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from automedimg.registry import load_catalog
from automedimg.training.backend import load_keras


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_keras()


def block(keras: Any, x: Any, name: str, filters: int = 4) -> Any:
    """Two convolutions and a way around them."""
    layers = keras.layers
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_a")(x)
    y = layers.BatchNormalization(name=f"{name}_norm")(y)
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_b")(y)
    return layers.Add(name=f"{name}_end")([x, y])


@pytest.fixture
def network(keras: Any) -> Any:
    """Preprocessing around a nested network of three blocks, as a backbone has it."""
    layers = keras.layers
    inner = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(inner)
    for name in ("one", "two", "three"):
        x = layers.Activation("relu", name=f"{name}_out")(block(keras, x, name))
    nested = keras.Model(inner, x, name="nested")
    image = keras.Input((8, 8, 3))
    maps = nested(layers.Rescaling(1 / 127.5, offset=-1.0)(image))
    maps = layers.Activation("linear", name="gradcam")(maps)
    return keras.Model(image, layers.GlobalAveragePooling2D()(maps))


def train_only(network: Any, *names: str) -> None:
    """Freeze all layers but those whose names begin so."""
    for layer in network.get_layer("nested").layers:
        layer.trainable = layer.name.startswith(names)


def check(keras: Any, network: Any, cut: Any) -> None:
    """The parts give what the whole gives, and hold the same variables."""
    images = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)
    whole = np.asarray(keras.ops.convert_to_numpy(network(images, training=False)))
    middle = cut.lower(images, training=False)
    parts = np.asarray(keras.ops.convert_to_numpy(cut.upper(middle, training=False)))
    np.testing.assert_allclose(parts, whole, rtol=1e-6, atol=1e-6)
    assert tuple(middle.shape[1:]) == cut.shape
    assert cut.lower.trainable_variables == []
    assert {id(v) for v in cut.upper.trainable_variables} == {
        id(v) for v in network.trainable_variables
    }


@pytest.mark.parametrize(
    ("trained", "below"),
    [
        (("three",), {"stem", "one_a", "one_end", "two_end", "two_out"}),
        (("two", "three"), {"stem", "one_a", "one_end", "one_out"}),
        # Within a block two tensors go through: the cut is at its beginning.
        (("three_b",), {"stem", "two_end", "two_out"}),
    ],
)
def test_a_network_is_cut_below_the_first_trainable_block(
    keras: Any, network: Any, trained: tuple[str, ...], below: set[str]
) -> None:
    from automedimg.training.cutting import find_cut

    train_only(network, *trained)
    cut = find_cut(network)
    assert cut is not None
    lower = {layer.name for layer in cut.lower.layers}
    upper = {layer.name for layer in cut.upper.layers}
    assert below <= lower
    assert not lower & upper - {"activations"}
    assert f"{trained[0][:5]}_a".replace("two_b", "two") not in lower
    check(keras, network, cut)


def test_training_the_upper_part_trains_the_network(keras: Any, network: Any) -> None:
    from automedimg.training.cutting import find_cut

    train_only(network, "three")
    cut = find_cut(network)
    assert cut is not None
    before = [np.array(w) for w in network.get_weights()]
    cut.upper.compile(optimizer="sgd", loss="mse")
    cut.upper.train_on_batch(np.ones((2, *cut.shape), np.float32), np.zeros((2, 4), np.float32))
    changed = [not np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True)]
    assert any(changed)
    assert not all(changed)
    check(keras, network, cut)


def test_the_network_is_saved_as_before(keras: Any, network: Any, tmp_path: Any) -> None:
    from automedimg.training.cutting import find_cut

    images = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)
    expected, names = network.predict_on_batch(images), [layer.name for layer in network.layers]
    train_only(network, "three")
    assert find_cut(network) is not None
    network.save(tmp_path / "whole.keras")
    again = keras.models.load_model(tmp_path / "whole.keras", safe_mode=True)
    assert [layer.name for layer in again.layers] == names
    np.testing.assert_allclose(again.predict_on_batch(images), expected, rtol=1e-6)


def test_there_is_no_cut_where_nothing_much_is_frozen(keras: Any, network: Any) -> None:
    from automedimg.training.cutting import find_cut

    train_only(network, "stem", "one", "two", "three")
    assert find_cut(network) is None
    train_only(network, "one", "two", "three")  # the stem alone is not worth a file
    assert find_cut(network) is None


def test_graphs_that_are_not_understood_are_not_cut(keras: Any) -> None:
    from automedimg.training.cutting import find_cut

    layers = keras.layers
    shared = keras.Sequential([keras.Input((8,)), layers.Dense(8), layers.Dense(8)])
    shared.trainable = False
    vector = keras.Input((8,))
    twice = keras.Model(vector, layers.Dense(2)(shared(shared(vector))))
    assert find_cut(twice) is None
    other = keras.Input((8,))
    two_inputs = keras.Model([vector, other], layers.Dense(2)(layers.Add()([vector, other])))
    assert find_cut(two_inputs) is None


def test_what_is_drawn_anew_each_time_stays_above(keras: Any) -> None:
    """Dropout in a frozen part is at work while the rest trains."""
    from automedimg.training.cutting import find_cut

    layers = keras.layers
    vector = x = keras.Input((8,))
    for number, rate in enumerate((0.0, 0.0, 0.5, 0.0)):
        x = layers.Dense(8, trainable=number == 3, name=f"dense{number}")(x)
        x = layers.Dropout(rate, name=f"dropout{number}")(x)
    cut = find_cut(keras.Model(vector, x))
    assert cut is not None
    assert {"dense2", "dropout1"} <= {layer.name for layer in cut.lower.layers}
    assert {"dropout2", "dense3"} <= {layer.name for layer in cut.upper.layers}


def test_a_layer_that_is_called_twice_is_cut_after_both(keras: Any) -> None:
    from automedimg.training.cutting import find_cut

    layers = keras.layers
    dense = layers.Dense(8, name="shared")
    dense.trainable = False
    vector = keras.Input((8,))
    model = keras.Model(vector, layers.Dense(2, name="top")(dense(dense(vector))))
    cut = find_cut(model)
    assert cut is not None
    assert (cut.place, cut.calls) == (2, 3)
    values = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    found = cut.upper.predict_on_batch(cut.lower.predict_on_batch(values))
    np.testing.assert_allclose(found, model.predict_on_batch(values), rtol=1e-5)


@pytest.mark.parametrize("name", ["mobilenet", "mobilenetv2", "resnet50v2"])
def test_the_networks_that_ship_with_it_are_cut(keras: Any, name: str) -> None:
    from automedimg.training.cutting import find_cut
    from automedimg.training.network import freeze_all_but

    backbone = load_catalog().backbones.make(name)
    values = {"mobilenet": {"alpha": 0.25}, "mobilenetv2": {"alpha": 0.35}}.get(name, {})
    model = backbone.build((32, 32, 3), values, None).model
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    freeze_all_but(model, 0.35)
    cut = find_cut(model)
    assert cut is not None
    assert cut.place > cut.calls // 2
    whole = keras.ops.convert_to_numpy(model(images, training=False))
    parts = keras.ops.convert_to_numpy(cut.upper(cut.lower(images, training=False), training=False))
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)
