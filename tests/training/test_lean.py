"""A lean head comes to what Keras comes to; what isn't a plain stack stays Keras's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automedimg.contracts import TrialSpec
from automedimg.training.backend import load_keras

NUM, FEATURES, CLASSES = 48, 20, 3


@pytest.fixture(scope="module")
def keras():
    return load_keras()


def fit_values(optimizer="adam", loss="crossentropy"):
    return {
        "learning_rate": 3e-3,
        "batch_size": 16,
        "optimizer": optimizer,
        "weight_decay": 1e-2,
        "loss": loss,
        "focal_gamma": 1.7,
    }


def make_spec(fit, seed=1):
    return TrialSpec(0, seed, "b", "dense", "frozen", {}, {}, fit, None, 10, 10, "nowhere")


def make_head(keras, layers=1, activation="relu", dropout=0.0):
    keras.utils.set_random_seed(3)
    features = keras.Input((FEATURES,))
    x = features
    for _ in range(layers):
        x = keras.layers.Dropout(dropout)(x) if dropout else x
        x = keras.layers.Dense(8, activation=activation)(x)
    return keras.Model(features, keras.layers.Dense(CLASSES)(x))


def make_batches(fit, weights=(1.0, 0.5, 2.0), steps=1):
    from automedimg.training.batches import Batches

    rng = np.random.default_rng(0)
    labels = np.arange(NUM) % CLASSES
    inputs = (rng.normal(size=(NUM, FEATURES)) + labels[:, None]).astype(np.float32)
    rows = np.arange(NUM)
    return Batches(inputs, rows, labels, np.array(weights), fit["batch_size"], 5, "none", steps)


def beginning(keras, batches):
    """A callback that draws each epoch's rows, as `Watch` does, and remembers the losses."""

    class Callback(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.losses = []

        def on_epoch_begin(self, epoch, logs=None):
            batches.begin(epoch + 1)

        def on_epoch_end(self, epoch, logs=None):
            self.losses.append(logs["loss"])

    return Callback()


def train_both(keras, head, fit, epochs=3):
    """Train a head and its lean twin; return the twin and the losses of both."""
    from automedimg.training.lean import make_lean
    from automedimg.training.losses import make_loss
    from automedimg.training.optimizers import make_optimizer

    lean = make_lean(head, make_spec(fit))
    # Eagerly: to trace each of these would take longer than the rest of the test.
    head.compile(optimizer=make_optimizer(fit), loss=make_loss(fit), run_eagerly=True)
    losses = []
    for model, options in ((head, {"verbose": 0, "shuffle": False}), (lean, {})):
        batches = make_batches(fit)
        begin = beginning(keras, batches)
        begin.set_model(model)
        model.fit(batches, initial_epoch=0, epochs=epochs, callbacks=[begin], **options)
        losses.append(begin.losses)
    return lean, *losses


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("loss", ["crossentropy", "focal", "binary_crossentropy"])
def test_training_comes_to_what_keras_comes_to(keras, optimizer, loss):
    head = make_head(keras, layers=2, activation="silu")
    lean, kerass, leans = train_both(keras, head, fit_values(optimizer, loss))
    np.testing.assert_allclose(leans, kerass, rtol=1e-4)
    for own, theirs in zip(lean.get_weights(), head.get_weights(), strict=True):
        np.testing.assert_allclose(own, theirs, atol=2e-5)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [0.9, 0.5, 0.0])
def test_momentum_of_either_kind_is_keras_s(keras, momentum, nesterov):
    head = make_head(keras, layers=2)
    fit = {**fit_values("sgd"), "momentum": momentum, "nesterov": nesterov, "weight_decay": 0.0}
    lean, kerass, leans = train_both(keras, head, {**fit, "learning_rate": 0.05})
    np.testing.assert_allclose(leans, kerass, rtol=1e-4)
    for own, theirs in zip(lean.get_weights(), head.get_weights(), strict=True):
        np.testing.assert_allclose(own, theirs, atol=2e-5)


def test_momentum_and_its_kind_make_a_difference(keras):
    from automedimg.training.optimizers import make_optimizer

    plain = make_optimizer({**fit_values("sgd"), "momentum": 0.5, "nesterov": False})
    assert (plain.momentum, plain.nesterov) == (0.5, False)
    usual = make_optimizer(fit_values("sgd"))
    assert (usual.momentum, usual.nesterov) == (0.9, True)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid", "silu", "elu"])
def test_every_activation_is_keras_s(keras, activation):
    head = make_head(keras, activation=activation)
    lean, kerass, leans = train_both(keras, head, fit_values())
    np.testing.assert_allclose(leans, kerass, rtol=1e-4)
    inputs = np.random.default_rng(1).normal(size=(5, FEATURES)).astype(np.float32)
    np.testing.assert_allclose(
        lean.predict_on_batch(inputs), np.asarray(head.predict_on_batch(inputs)), atol=1e-4
    )


def test_dropout_drops_its_share_and_keeps_the_mean(keras):
    from automedimg.training.stack import read_stack

    features = keras.Input((4000,))
    dropped = keras.layers.Dropout(0.3)(features)
    out = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(dropped)
    stack = read_stack(keras.Model(features, out))
    ones = np.ones((8, 4000), np.float32)
    _, seen = stack.forward(ones, np.random.default_rng(0))
    assert np.mean(seen[0].inputs == 0) == pytest.approx(0.3, abs=0.02)
    assert seen[0].inputs.mean() == pytest.approx(1.0, abs=0.02)
    assert stack.predict(ones) == pytest.approx(4000.0)


def test_gradients_pass_through_dropout(keras):
    """Where nothing came through, nothing is learnt."""
    from automedimg.training.stack import read_stack

    stack = read_stack(make_head(keras, layers=2, dropout=0.5))
    inputs = np.random.default_rng(1).normal(size=(4, FEATURES)).astype(np.float32)
    logits, seen = stack.forward(inputs, np.random.default_rng(0))
    stack.backward(seen, np.ones_like(logits))
    analytic = stack.gradient.copy()
    for place in (0, 7, 50, len(stack.parameters) - 1):
        sums = []
        for step in (1e-2, -1e-2):
            stack.parameters[place] += step
            sums.append(stack.forward(inputs, np.random.default_rng(0))[0].sum(dtype=float))
            stack.parameters[place] -= step
        assert analytic[place] == pytest.approx((sums[0] - sums[1]) / 2e-2, abs=2e-2)


def strange_heads(keras):
    layers = keras.layers
    features = keras.Input((FEATURES,))
    wide = layers.Dense(8, activation="relu")(features)
    yield "normalised", keras.Model(features, layers.Dense(3)(layers.BatchNormalization()(wide)))
    yield "a branch", keras.Model(features, layers.Dense(3)(layers.Concatenate()([wide, features])))
    regular = layers.Dense(3, kernel_regularizer="l2")
    yield "regularised", keras.Model(features, regular(features))
    yield "activated otherwise", keras.Model(features, layers.Dense(3, activation="gelu")(features))
    yield "half precision", keras.Model(features, layers.Dense(3, dtype="mixed_float16")(features))
    dropped = layers.Dropout(0.5, noise_shape=(1, FEATURES))(features)
    yield "dropout of columns", keras.Model(features, layers.Dense(3)(dropped))
    frozen = layers.Dense(8)
    frozen.trainable = False
    yield "frozen", keras.Model(features, layers.Dense(3)(frozen(features)))
    yield (
        "dropped at the end",
        keras.Model(features, layers.Dropout(0.5)(layers.Dense(3)(features))),
    )
    shared = layers.Dense(FEATURES)
    yield "shared", keras.Model(features, layers.Dense(3)(shared(shared(features))))

    class Own(keras.Model):
        def call(self, inputs):
            return -super().call(inputs)

    yield "a model of its own", Own(features, layers.Dense(3)(features))


def test_other_heads_are_left_to_keras(keras):
    from automedimg.training.lean import make_lean

    taken = [
        name for name, head in strange_heads(keras) if make_lean(head, make_spec(fit_values()))
    ]
    assert taken == []


def test_a_sequential_head_is_taken(keras):
    from automedimg.training.lean import make_lean

    head = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(3)])
    assert make_lean(head, make_spec(fit_values())) is not None


def test_optimizers_that_do_more_are_left_to_keras(keras):
    from automedimg.training.stack_updates import make_update

    optimizers = keras.optimizers
    for optimizer in (
        optimizers.Adam(amsgrad=True),
        optimizers.Adam(clipnorm=1.0),
        optimizers.RMSprop(centered=True),
        optimizers.Nadam(),
        optimizers.SGD(momentum=0.9, use_ema=True),
    ):
        assert make_update(optimizer, 10) is None, optimizer


def test_blocks_make_no_difference(keras):
    from automedimg.training import stack_updates

    size = 2 * stack_updates.BLOCK + 17
    rng = np.random.default_rng(0)
    start = rng.normal(size=size).astype(np.float32)
    slope = rng.normal(size=size).astype(np.float32)
    for optimizer in (keras.optimizers.Adam(weight_decay=0.1), keras.optimizers.RMSprop()):
        update = stack_updates.make_update(optimizer, size)
        whole, parts = start.copy(), start[-17:].copy()
        small = stack_updates.make_update(optimizer, 17)
        for _ in range(3):
            update.apply(whole, slope)
            small.apply(parts, slope[-17:])
        np.testing.assert_array_equal(whole[-17:], parts)
        assert not np.array_equal(whole, start)


def test_a_loss_that_diverges_is_reported_as_it_is(keras):
    from automedimg.training.lean import make_lean

    fit = {**fit_values("sgd"), "learning_rate": 1e30}
    batches = make_batches(fit)
    begin = beginning(keras, batches)
    lean = make_lean(make_head(keras, layers=2), make_spec(fit))
    begin.set_model(lean)
    lean.fit(batches, initial_epoch=0, epochs=2, callbacks=[begin])
    assert not np.isfinite(begin.losses[-1])


def test_a_checkpoint_of_a_lean_head_goes_on_to_the_same_numbers(keras, tmp_path: Path):
    from automedimg.training.lean import make_lean
    from automedimg.training.state import ModelState

    fit = fit_values()
    head = make_head(keras, layers=2, dropout=0.4)
    runs = {}
    for name, stops in {"whole": [4], "cut": [2, 4]}.items():
        lean = make_lean(head, make_spec(fit))
        state, done = ModelState(lean), 0
        for stop in stops:
            batches = make_batches(fit)
            begin = beginning(keras, batches)
            begin.set_model(lean)
            lean.fit(batches, initial_epoch=done, epochs=stop, callbacks=[begin])
            kept, done = state.take(lean.get_weights()), stop
            lean = make_lean(head, make_spec(fit))
            state = ModelState(lean)
            state.put(kept)
        runs[name] = lean.get_weights()
    for whole, cut in zip(runs["whole"], runs["cut"], strict=True):
        np.testing.assert_array_equal(whole, cut)
