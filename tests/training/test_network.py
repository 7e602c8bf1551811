"""A backbone and a head make one network, whatever they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automedimg.contracts import BuiltBackbone, TrainMode
from automedimg.training.backend import load_keras


def nameless(inputs: int | tuple[int, ...], outputs: int):
    """A model that Keras names, the first of all that it names by its own account."""
    keras = load_keras()
    keras.backend.clear_session()
    x = keras.Input((inputs,) if isinstance(inputs, int) else inputs)
    flat = x if isinstance(inputs, int) else keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(x, keras.layers.Dense(outputs)(flat))


@pytest.mark.parametrize("train", ["frozen", "scratch"])
@pytest.mark.parametrize("logits", [1, 2])
def test_names_that_keras_gave_twice_do_no_harm(
    tmp_path: Path, train: TrainMode, logits: int
) -> None:
    from automedimg.training.network import Network, complete_logits

    backbone, head = nameless((8, 8, 3), 5), nameless(5, logits)
    assert backbone.name == head.name
    network = Network(BuiltBackbone(backbone, ""), complete_logits(head, 2), train)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)
    told = np.asarray(network.for_training(0.0, 0)(images))
    network.classifier().save(tmp_path / "model.keras")
    loaded = load_keras().saving.load_model(tmp_path / "model.keras")
    odds = np.exp(told - told.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        np.asarray(loaded(images)), odds / odds.sum(axis=1, keepdims=True), atol=1e-6
    )


def test_a_head_above_a_cut_may_have_its_name() -> None:
    from automedimg.training.cutting import Cut
    from automedimg.training.network import Network

    upper, head = nameless(6, 5), nameless(5, 2)
    lower = nameless((8, 8, 3), 6)
    network = Network(BuiltBackbone(lower, ""), head, "finetune")
    above = network.above(Cut(lower, upper, 1, 2))
    rows = np.ones((3, 6), np.float32)
    np.testing.assert_allclose(np.asarray(above(rows)), np.asarray(head(upper(rows))), atol=1e-6)
