"""The checks of a metric."""

from __future__ import annotations

import math

import numpy as np

from automedimg.contracts import FloatArray, IntArray, MetricSpec
from automedimg.errors import MetricUndefinedError
from automedimg.testing.subject import ContractError, Subject, expect, expect_name_and_summary

NUM_CLASSES = (2, 4)
NUM_ROWS = 60


class MetricSubject(Subject[MetricSpec]):
    """A metric under test."""

    def score(self, y_true: IntArray, y_prob: FloatArray, what: str) -> float:
        """Return the metric of copies of some predictions, which must be a float in its range."""
        value = self.component(y_true.copy(), y_prob.copy())
        # numpy.float64 is a float as well.
        expect(isinstance(value, float), what, f"{value!r} ({type(value).__name__})", "a float")
        low = -math.inf if self.spec.low is None else self.spec.low
        high = math.inf if self.spec.high is None else self.spec.high
        in_range = math.isfinite(value) and low - 1e-12 <= value <= high + 1e-12
        expect(in_range, what, value, f"a finite value in [{low}, {high}]")
        return float(value)


def check_spec(subject: MetricSubject) -> None:
    """The name has lower case, digits and underscores; direction and range make sense."""
    spec = subject.spec
    expect_name_and_summary(spec, "a-z0-9_", "lower case, digits, underscores")
    known = spec.direction in ("maximize", "minimize")
    expect(known, "direction", repr(spec.direction), "`maximize` or `minimize`")
    ordered = spec.low is None or spec.high is None or spec.low < spec.high
    expect(ordered, "range", f"[{spec.low}, {spec.high}]", "a low end below the high one")


def check_stays_in_range(subject: MetricSubject) -> None:
    """Any predictions give a float in the range that the spec names, for 2 classes as for 4."""
    for num_classes in NUM_CLASSES:
        y_true, y_prob = random_predictions(num_classes)
        predictions = {
            "random": y_prob,
            "perfect": one_hot(y_true, num_classes),
            "always wrong": one_hot((y_true + 1) % num_classes, num_classes),
            "undecided": np.full_like(y_prob, 1 / num_classes),
            "always the first class": one_hot(np.zeros_like(y_true), num_classes),
        }
        for words, probabilities in predictions.items():
            subject.score(y_true, probabilities, f"{words} predictions of {num_classes} classes")


def check_prefers_the_truth(subject: MetricSubject) -> None:
    """In the spec's direction, perfect predictions are at least as good as random ones."""
    for num_classes in NUM_CLASSES:
        y_true, y_prob = random_predictions(num_classes)
        what = f"{subject.spec.direction}, {num_classes} classes"
        chance = subject.score(y_true, y_prob, what)
        perfect = subject.score(y_true, one_hot(y_true, num_classes), what)
        better = perfect - chance if subject.spec.direction == "maximize" else chance - perfect
        received = f"{perfect} for perfect and {chance} for random predictions"
        expect(better >= 0, what, received, "perfect ones to be no worse")


def check_ignores_order(subject: MetricSubject) -> None:
    """The order of the images changes nothing."""
    for num_classes in NUM_CLASSES:
        y_true, y_prob = random_predictions(num_classes)
        order = np.random.default_rng(1).permutation(len(y_true))
        what = f"{num_classes} classes, images in another order"
        value = subject.score(y_true, y_prob, what)
        again = subject.score(y_true[order], y_prob[order], what)
        expect(math.isclose(value, again, rel_tol=1e-9, abs_tol=1e-12), what, again, str(value))


def check_leaves_inputs_alone(subject: MetricSubject) -> None:
    """Labels and probabilities are not written to."""
    for num_classes in NUM_CLASSES:
        given = random_predictions(num_classes)
        y_true, y_prob = given[0].copy(), given[1].copy()
        subject.component(y_true, y_prob)
        same = np.array_equal(y_true, given[0]) and np.array_equal(y_prob, given[1])
        expect(same, "inputs after the call", "other values", "what was passed")


def check_one_class(subject: MetricSubject) -> None:
    """Labels of one class only give a value or MetricUndefinedError, never NaN or a crash."""
    for num_classes in NUM_CLASSES:
        _, y_prob = random_predictions(num_classes)
        for label in range(num_classes):
            what = f"only images of class {label} of {num_classes}"
            try:
                subject.score(np.full(NUM_ROWS, label, np.int64), y_prob, what)
            except (MetricUndefinedError, ContractError) as error:
                if isinstance(error, ContractError):
                    raise
            except Exception as error:
                received = f"{type(error).__name__}: {error}"
                raise ContractError(
                    f"{what}: got {received}, expected a value or MetricUndefinedError"
                ) from error


def random_predictions(num_classes: int) -> tuple[IntArray, FloatArray]:
    """Labels (N,) of which each class has as many, and probabilities (N, K) that ignore them."""
    rng = np.random.default_rng(num_classes)
    labels = rng.permutation(np.arange(NUM_ROWS, dtype=np.int64) % num_classes)
    return labels, rng.dirichlet(np.ones(num_classes), NUM_ROWS)


def one_hot(labels: IntArray, num_classes: int) -> FloatArray:
    """Certainty: shape (N, K), 1 at the label."""
    return np.eye(num_classes, dtype=np.float64)[labels]


CHECKS = (
    check_spec,
    check_stays_in_range,
    check_prefers_the_truth,
    check_ignores_order,
    check_leaves_inputs_alone,
    check_one_class,
)
