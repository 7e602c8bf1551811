"""Focal loss: the published numbers, their gradient, and no overflow anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from automedimg.errors import ConfigurationError
from automedimg.training.backend import load_keras

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_keras()


def reference(labels: Floats, logits: Floats, gamma: float) -> Floats:
    """Equation 5 as it stands in the paper, in float64, without any care for overflow."""
    powers = np.exp(logits)
    right = (powers / powers.sum(axis=1, keepdims=True))[np.arange(len(logits)), labels]
    return -((1 - right) ** gamma) * np.log(right)


def focal(logits: Floats, labels: Any, gamma: float, weights: Any = None) -> Any:
    from automedimg.training.losses import FocalCrossentropy

    targets = np.eye(logits.shape[1], dtype=np.float32)[labels]
    loss = FocalCrossentropy(gamma, reduction=None if weights is None else "sum_over_batch_size")
    return np.asarray(loss(targets, logits.astype(np.float32), sample_weight=weights))


def gradient(keras: Any, logits: Floats, labels: Any, gamma: float) -> Floats:
    """Of the summed loss by each logit: what one step of plain descent takes off them.

    The logits are the kernel of a layer that sees the unit matrix, so any backend will do.
    """
    from automedimg.training.losses import FocalCrossentropy

    num, classes = logits.shape
    layer = keras.layers.Dense(classes, use_bias=False)
    model = keras.Sequential([keras.Input((num,)), layer])
    layer.set_weights([logits.astype(np.float32)])
    loss = FocalCrossentropy(gamma, reduction="sum")
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss, jit_compile=False)
    model.train_on_batch(np.eye(num, dtype=np.float32), np.eye(classes, dtype=np.float32)[labels])
    return logits.astype(np.float32) - np.asarray(layer.get_weights()[0])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_values_are_those_of_the_equation(keras: Any, gamma: float, classes: int) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (40, classes)), rng.integers(0, classes, 40)
    np.testing.assert_allclose(
        focal(logits, labels, gamma), reference(labels, logits, gamma), rtol=2e-4, atol=1e-6
    )


def test_an_example_worked_by_hand(keras: Any) -> None:
    # p = 0.9: 0.01 of a cross-entropy of 0.10536; a hundred times less, as the paper says.
    logits = np.log(np.array([[0.9, 0.1]]))
    assert focal(logits, [0], 2.0)[0] == pytest.approx(0.01 * 0.105360516, rel=1e-5)
    assert focal(logits, [0], 0.0)[0] == pytest.approx(0.105360516, rel=1e-5)


def test_gamma_zero_is_cross_entropy(keras: Any) -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 20, (30, 4)).astype(np.float32), rng.integers(0, 4, 30)
    plain = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)
    expected = np.asarray(plain(np.eye(4, dtype=np.float32)[labels], logits))
    np.testing.assert_allclose(focal(logits, labels, 0.0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_gradients_are_those_of_the_equation(keras: Any, gamma: float) -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(0, 2, (12, 3)), rng.integers(0, 3, 12)
    expected = np.zeros_like(logits)
    for row, column in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[row, column] = 1e-5
        ends = [reference(labels, logits + sign * step, gamma).sum() for sign in (1, -1)]
        expected[row, column] = (ends[0] - ends[1]) / 2e-5
    found = gradient(keras, logits, labels, gamma)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_certainty_overflows_nowhere(keras: Any, gamma: float) -> None:
    logits = np.array([[300.0, 0.0, -300.0], [300.0, 0.0, -300.0], [0.0, 0.0, 0.0]])
    right, wrong = focal(logits, [0, 2, 0], gamma), gradient(keras, logits, [0, 2, 0], gamma)
    assert right[:2] == pytest.approx([0.0, 600.0])
    assert np.isfinite(wrong).all()
    assert wrong[0] == pytest.approx([0.0, 0.0, 0.0])
    assert wrong[1] == pytest.approx([1.0, 0.0, -1.0], abs=1e-4)


def test_class_weights_come_as_sample_weights(keras: Any) -> None:
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(0, 2, (20, 3)), rng.integers(0, 3, 20)
    weights = np.array([0.25, 1.0, 4.0], dtype=np.float32)[labels]
    expected = (weights * reference(labels, logits, 2.0)).mean()
    assert focal(logits, labels, 2.0, weights) == pytest.approx(expected, rel=1e-4)


def test_a_trial_makes_the_loss_that_it_chose(keras: Any) -> None:
    from automedimg.training.losses import FocalCrossentropy, make_loss

    chosen = make_loss({"loss": "focal", "focal_gamma": 3.5})
    assert isinstance(chosen, FocalCrossentropy)
    again = FocalCrossentropy.from_config(chosen.get_config())
    assert again.gamma == 3.5
    targets, logits = np.eye(2, dtype=np.float32), np.zeros((2, 2), dtype=np.float32)
    for plain in ({}, {"loss": "crossentropy"}):
        assert float(make_loss(plain)(targets, logits)) == pytest.approx(np.log(2), rel=1e-6)
    with pytest.raises(
        ConfigurationError, match="unknown loss `hinge`; expected one of crossentropy, focal"
    ):
        make_loss({"loss": "hinge"})


def one_against_rest(labels: Any, logits: Floats) -> Floats:
    """Binary cross-entropy of each class's softmax probability, as Keras takes probabilities."""
    powers = np.exp(logits)
    shares = powers / powers.sum(axis=1, keepdims=True)
    targets = np.eye(logits.shape[1])[labels]
    return -(targets * np.log(shares) + (1 - targets) * np.log(1 - shares)).mean(axis=1)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_binary_cross_entropy_asks_of_each_class(keras: Any, classes: int) -> None:
    from automedimg.training.losses import make_loss

    rng = np.random.default_rng(4)
    logits, labels = rng.normal(0, 2, (30, classes)), rng.integers(0, classes, 30)
    targets = np.eye(classes, dtype=np.float32)[labels]
    loss = make_loss({"loss": "binary_crossentropy"})
    found = float(loss(targets, logits.astype(np.float32)))
    assert found == pytest.approx(one_against_rest(labels, logits).mean(), rel=1e-4)
    plain = float(make_loss({})(targets, logits.astype(np.float32)))
    assert (found == pytest.approx(plain, rel=1e-5)) == (classes == 2)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_slopes_of_binary_cross_entropy_are_its_derivatives(classes: int) -> None:
    from automedimg.training.stack_losses import make_loss_slope

    rng = np.random.default_rng(5)
    logits, labels = rng.normal(0, 2, (7, classes)), rng.integers(0, classes, 7)
    weights = rng.uniform(0.5, 2, 7)
    slope_of = make_loss_slope({"loss": "binary_crossentropy"})
    assert slope_of is not None
    targets = np.eye(classes, dtype=np.float32)[labels]
    loss, slope = slope_of(logits.astype(np.float32), targets, weights.astype(np.float32))
    assert loss == pytest.approx((one_against_rest(labels, logits) * weights).mean(), rel=1e-5)
    expected = np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-5
        ends = [one_against_rest(labels, logits + sign * step) @ weights for sign in (1, -1)]
        expected[place] = (ends[0] - ends[1]) / 2e-5 / len(logits)
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-6)


def test_binary_cross_entropy_overflows_nowhere(keras: Any) -> None:
    from automedimg.training.losses import make_loss
    from automedimg.training.stack_losses import make_loss_slope

    logits = np.array([[300.0, 0.0, -300.0], [300.0, 0.0, -300.0]], dtype=np.float32)
    targets = np.eye(3, dtype=np.float32)[[0, 2]]
    slope_of = make_loss_slope({"loss": "binary_crossentropy"})
    assert slope_of is not None
    loss, slope = slope_of(logits, targets, np.ones(2, np.float32))
    assert loss == pytest.approx(float(make_loss({"loss": "binary_crossentropy"})(targets, logits)))
    assert np.isfinite(slope).all()
    assert slope[1] == pytest.approx([1 / 3, -1 / 6, -1 / 6], abs=0.2)
