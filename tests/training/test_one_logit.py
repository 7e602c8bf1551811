"""One logit for two classes: sigmoid and binary cross-entropy, by softmax and cross-entropy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from automedimg.contracts import BuiltBackbone
from automedimg.training.backend import load_keras

FEATURES = 6


@pytest.fixture(scope="module")
def keras():
    return load_keras()


def make_head(keras, units=1, own=False):
    keras.utils.set_random_seed(2)
    features = keras.Input((FEATURES,))
    hidden = keras.layers.Dense(5, activation="relu")(features)
    out = keras.layers.Dense(units)(hidden)
    if not own:
        return keras.Model(features, out)

    class Own(keras.Model):
        def call(self, inputs):
            return -super().call(inputs)

    return Own(features, out)


def inputs(num=9):
    return np.random.default_rng(0).normal(size=(num, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("own", [False, True])
def test_the_softmax_is_the_sigmoid_and_nothing_has_weights(keras, own):
    from automedimg.training.batches import softmax
    from automedimg.training.network import complete_logits

    head = make_head(keras, own=own)
    whole = complete_logits(head, 2)
    assert whole.count_params() == head.count_params()
    assert whole.name != head.name
    logits = np.asarray(whole(inputs()))
    z = np.asarray(head(inputs()))[:, 0]
    assert not logits[:, 0].any()
    np.testing.assert_array_equal(logits[:, 1], z)
    np.testing.assert_allclose(softmax(logits)[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-6)


def test_the_cross_entropy_is_the_binary_one(keras):
    from automedimg.training.losses import make_loss
    from automedimg.training.network import complete_logits

    head, labels = make_head(keras), np.arange(9) % 2
    logits = complete_logits(head, 2)(inputs())
    ours = make_loss({})(np.eye(2)[labels], logits)
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    theirs = binary(labels[:, None].astype(np.float32), head(inputs()))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_other_heads_stay_as_they_are_or_are_refused(keras):
    from automedimg.training.network import complete_logits
    from automedimg.training.outcome import TrialFailureError

    head = make_head(keras, units=3)
    assert complete_logits(head, 3) is head
    for units, classes in ((1, 3), (3, 2), (2, 1)):
        with pytest.raises(TrialFailureError, match=f"gives {units} logits for {classes} classes"):
            complete_logits(make_head(keras, units), classes)


def test_the_lean_twin_takes_it_with_the_numbers_of_keras(keras):
    from automedimg.training.losses import make_loss
    from automedimg.training.network import complete_logits
    from automedimg.training.stack import read_stack
    from automedimg.training.stack_losses import make_loss_slope

    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("its gradients are taken by TensorFlow")
    head = complete_logits(make_head(keras), 2)
    stack = read_stack(head)
    targets, weights = np.eye(2, dtype=np.float32)[np.arange(9) % 2], np.ones(9, np.float32)
    logits, seen = stack.forward(inputs(), np.random.default_rng(0))
    np.testing.assert_allclose(logits, np.asarray(head(inputs())), atol=1e-6)
    np.testing.assert_allclose(stack.predict(inputs()), logits, atol=1e-6)
    loss, slope = make_loss_slope({})(logits, targets, weights)
    stack.backward(seen, slope)
    with tf.GradientTape() as tape:
        expected = make_loss({})(targets, head(inputs()))
    gradients = tape.gradient(expected, [v.value for v in head.trainable_variables])
    assert loss == pytest.approx(float(expected), rel=1e-5)
    flat = np.concatenate([np.asarray(g).ravel() for g in gradients])
    np.testing.assert_allclose(stack.gradient, flat, atol=1e-6)


def test_a_head_of_its_own_class_is_left_to_keras(keras):
    from automedimg.training.network import complete_logits
    from automedimg.training.stack import read_stack

    assert read_stack(complete_logits(make_head(keras, own=True), 2)) is None


def test_the_saved_classifier_gives_two_probabilities_without_automedimg(keras, tmp_path: Path):
    from automedimg.training.network import Network, complete_logits

    image = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(FEATURES, 3, name="maps")(image)
    backbone = keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))
    network = Network(
        BuiltBackbone(backbone, "maps"), complete_logits(make_head(keras), 2), "scratch"
    )
    images = np.random.default_rng(1).uniform(0, 255, (4, 8, 8, 1)).astype(np.float32)
    expected = np.asarray(network.classifier()(images))
    assert expected.shape == (4, 2)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0, rtol=1e-6)
    network.classifier().save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    script = (
        "import keras, numpy as np, sys\n"
        "model = keras.models.load_model('model.keras', safe_mode=True)\n"
        "np.save('out.npy', np.asarray(model(np.load('images.npy'))))\n"
        "assert not any(name.startswith('automedimg') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, atol=1e-6)
