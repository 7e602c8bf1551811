import numpy as np
import pytest

from automedimg.contracts import MetricSpec
from automedimg.errors import MetricUndefinedError


def accuracy(y_true, y_prob):
    return float((y_prob.argmax(1) == y_true).mean())


def in_place(y_true, y_prob):
    y_prob *= 2
    return accuracy(y_true, y_prob)


def undefined(y_true, y_prob):
    if len(np.unique(y_true)) < 2:
        raise MetricUndefinedError("one class")
    return accuracy(y_true, y_prob)


def crashes_on_one_class(y_true, y_prob):
    return accuracy(y_true, y_prob) / (len(np.unique(y_true)) - 1)


def not_a_number_on_one_class(y_true, y_prob):
    return accuracy(y_true, y_prob) if len(np.unique(y_true)) > 1 else float("nan")


def by_position(y_true, y_prob):
    return accuracy(y_true[:20], y_prob[:20])


def two_classes_only(y_true, y_prob):
    return accuracy(y_true, y_prob) if y_prob.shape[1] == 2 else 7.0


def as_int(y_true, y_prob):
    return int(accuracy(y_true, y_prob))


def metric(function, **more):
    return MetricSpec("it", "It", lambda: function, **more)


@pytest.mark.parametrize("function", [accuracy, undefined])
def test_sound_metrics_pass(failing, function):
    assert failing(metrics=[metric(function)]) == {}


@pytest.mark.parametrize(
    ("function", "check"),
    [
        (in_place, "leaves_inputs_alone"),
        (crashes_on_one_class, "one_class"),
        (not_a_number_on_one_class, "one_class"),
        (by_position, "ignores_order"),
        (two_classes_only, "stays_in_range"),
        (as_int, "stays_in_range"),
        (lambda y_true, y_prob: 100 * accuracy(y_true, y_prob), "stays_in_range"),
        (lambda y_true, y_prob: 1 - accuracy(y_true, y_prob), "prefers_the_truth"),
    ],
)
def test_broken_metrics_are_caught(failing, function, check):
    assert check in failing(metrics=[metric(function)])


def test_a_wrong_direction_is_caught(failing):
    found = failing(metrics=[metric(accuracy, direction="minimize")])
    assert set(found) == {"prefers_the_truth"}


@pytest.mark.parametrize("wrong", [{"direction": "up"}, {"low": 1.0, "high": 0.0}])
def test_a_senseless_spec_is_caught(failing, wrong):
    assert "spec" in failing(("spec",), metrics=[metric(accuracy, **wrong)])
