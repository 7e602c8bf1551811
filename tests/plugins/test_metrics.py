"""The metrics agree with scikit-learn where it has them, and refuse where there is no answer."""

import math
import subprocess
import sys

import numpy as np
import pluggy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

import automedimg_metrics
from automedimg.errors import MetricUndefinedError
from automedimg.registry import hookspecs

SPECS = {spec.name: spec for spec in automedimg_metrics.automedimg_metrics()}
METRICS = {name: spec.factory() for name, spec in SPECS.items()}
NAMES = [
    "auc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "mcc",
    "log_loss",
    "brier",
    "ece",
]


def one_hot(y, k):
    return np.eye(k)[y]


def of_interest(per_class):
    return per_class[1] if len(per_class) == 2 else np.mean(per_class)


def expected_auc(y, p):
    if p.shape[1] == 2:
        return reference.roc_auc_score(y, p[:, 1])
    return reference.roc_auc_score(one_hot(y, p.shape[1]), p, average="macro")


def expected_average_precision(y, p):
    truth = one_hot(y, p.shape[1])
    columns = range(p.shape[1])
    return of_interest([reference.average_precision_score(truth[:, c], p[:, c]) for c in columns])


def expected_specificity(y, p):
    called, k = p.argmax(axis=1), p.shape[1]
    return of_interest([reference.recall_score(y != c, called != c) for c in range(k)])


def of_decision(score):
    def expected(y, p):
        labels = range(p.shape[1])
        return of_interest(
            score(y, p.argmax(axis=1), labels=labels, average=None, zero_division=0.0)
        )

    return expected


def expected_brier(y, p):
    if p.shape[1] == 2:
        return reference.brier_score_loss(y, p[:, 1])
    return np.mean(np.sum((p - one_hot(y, p.shape[1])) ** 2, axis=1))


def expected_ece(y, p):
    """The paper's equation as it stands: a loop over (low, high] bins."""
    called, confidence, total = p.argmax(axis=1), p.max(axis=1), 0.0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            gap = abs((called == y)[inside].mean() - confidence[inside].mean())
            total += inside.mean() * gap
    return total


EXPECTED = {
    "auc": expected_auc,
    "average_precision": expected_average_precision,
    "accuracy": lambda y, p: reference.accuracy_score(y, p.argmax(axis=1)),
    "balanced_accuracy": lambda y, p: reference.balanced_accuracy_score(y, p.argmax(axis=1)),
    "sensitivity": of_decision(reference.recall_score),
    "specificity": expected_specificity,
    "precision": of_decision(reference.precision_score),
    "f1": of_decision(reference.f1_score),
    "mcc": lambda y, p: reference.matthews_corrcoef(y, p.argmax(axis=1)),
    "log_loss": lambda y, p: reference.log_loss(y, p, labels=range(p.shape[1])),
    "brier": expected_brier,
    "ece": expected_ece,
}


def case(seed, k, n=200, step=None):
    """Labels with every class, and probabilities with some skill; `step` makes ties."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    p = rng.dirichlet(np.full(k, 0.7), n) + 0.4 * one_hot(y, k)
    if step is not None:
        p = np.round(p / step) * step + step
    return y, p / p.sum(axis=1, keepdims=True)


def test_all_metrics_are_offered_and_described():
    assert sorted(SPECS) == sorted(NAMES)
    for spec in SPECS.values():
        assert spec.summary and spec.label
    assert {n for n, s in SPECS.items() if s.direction == "minimize"} == {
        "log_loss",
        "brier",
        "ece",
    }
    assert SPECS["log_loss"].high is None
    assert SPECS["mcc"].low == -1.0


def test_the_plugin_fits_the_hook():
    manager = pluggy.PluginManager("automedimg")
    manager.add_hookspecs(hookspecs)
    manager.register(automedimg_metrics)
    manager.check_pending()
    (offered,) = manager.hook.automedimg_metrics()
    assert len(list(offered)) == len(NAMES)


def test_listing_imports_no_metric():
    code = (
        "import sys, automedimg_metrics as m; list(m.automedimg_metrics());"
        "print([n for n in sys.modules if n.startswith(('automedimg_metrics.', 'scipy'))])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("step", [None, 0.25], ids=["distinct", "tied"])
def test_agrees_with_the_reference(name, k, step):
    for seed in range(5):
        y, p = case(seed, k, step=step)
        value = METRICS[name](y, p)
        assert type(value) is float
        assert value == pytest.approx(EXPECTED[name](y, p), abs=1e-12)


@st.composite
def small_cases(draw):
    """Few images, few distinct probabilities: ties, empty calls, lone classes."""
    k = draw(st.integers(2, 4))
    y = list(range(k)) + draw(st.lists(st.integers(0, k - 1), max_size=8))
    weights = st.lists(st.integers(1, 3), min_size=k, max_size=k)
    p = np.array(draw(st.lists(weights, min_size=len(y), max_size=len(y))), dtype=float)
    return np.array(y), p / p.sum(axis=1, keepdims=True)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(small_cases())
def test_agrees_with_the_reference_on_small_cases(drawn):
    y, p = drawn
    for name, spec in SPECS.items():
        value = METRICS[name](y, p)
        assert value == pytest.approx(EXPECTED[name](y, p), abs=1e-12), name
        assert spec.low - 1e-12 <= value <= (spec.high or math.inf) + 1e-12, name


@settings(max_examples=50, deadline=None, derandomize=True)
@given(small_cases(), st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_matter(drawn, random):
    y, p = drawn
    order = list(range(len(y)))
    random.shuffle(order)
    for name, metric in METRICS.items():
        assert metric(y[order], p[order]) == pytest.approx(metric(y, p), abs=1e-12), name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [2, 4])
def test_the_best_prediction_gets_the_best_value(name, k):
    y = np.arange(20) % k
    best = 1.0 if SPECS[name].direction == "maximize" else 0.0
    assert METRICS[name](y, one_hot(y, k)) == best


def test_values_worked_out_by_hand():
    y = np.array([0, 0, 1, 1])
    p1 = np.array([0.1, 0.6, 0.6, 0.9])
    p = np.column_stack([1 - p1, p1])
    assert METRICS["auc"](y, p) == (2 + 1 + 0.5) / 4  # one pair is tied
    assert METRICS["average_precision"](y, p) == pytest.approx((1 + 2 / 3) / 2)
    assert METRICS["accuracy"](y, p) == 0.75
    assert METRICS["sensitivity"](y, p) == 1.0
    assert METRICS["specificity"](y, p) == 0.5
    assert METRICS["precision"](y, p) == pytest.approx(2 / 3)
    assert METRICS["f1"](y, p) == pytest.approx(0.8)
    assert METRICS["mcc"](y, p) == pytest.approx(1 / math.sqrt(3))
    assert METRICS["brier"](y, p) == pytest.approx((0.01 + 0.36 + 0.16 + 0.01) / 4)
    # Two images at 0.9, both right; two at 0.6, one of them right.
    assert METRICS["ece"](y, p) == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)


def test_equal_probabilities_call_the_lower_class():
    assert METRICS["accuracy"](np.array([0, 1]), np.full((2, 2), 0.5)) == 0.5
    assert METRICS["sensitivity"](np.array([0, 1]), np.full((2, 2), 0.5)) == 0.0


def test_an_image_called_impossible_costs_a_finite_log_loss():
    loss = METRICS["log_loss"](np.array([1]), np.array([[1.0, 0.0]]))
    assert loss == pytest.approx(-math.log(np.finfo(float).eps))


def test_calling_nothing_positive_is_no_way_out():
    y, p = np.array([0, 1, 1]), np.array([[0.9, 0.1]] * 3)
    assert METRICS["precision"](y, p) == 0.0
    assert METRICS["f1"](y, p) == 0.0
    assert METRICS["mcc"](y, p) == 0.0


def test_mcc_of_many_images_does_not_overflow():
    y = np.arange(200_000) % 2
    assert METRICS["mcc"](y, one_hot(1 - y, 2)) == -1.0


NEEDS = {  # Which lone class of two leaves a metric without a value.
    0: {"auc", "average_precision", "balanced_accuracy", "sensitivity", "f1", "mcc"},
    1: {"auc", "balanced_accuracy", "specificity", "mcc"},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lone", [0, 1])
def test_refuses_exactly_where_a_missing_class_matters(name, lone):
    y, p = np.full(4, lone), np.array([[0.2, 0.8], [0.7, 0.3], [0.6, 0.4], [0.1, 0.9]])
    if name in NEEDS[lone]:
        with pytest.raises(MetricUndefinedError, match="has no value"):
            METRICS[name](y, p)
    else:
        assert math.isfinite(METRICS[name](y, p))


@pytest.mark.parametrize("lone", ["auc", "average_precision", "balanced_accuracy", "f1"])
def test_names_the_absent_class_of_several(lone):
    y, p = case(0, 3)
    with pytest.raises(MetricUndefinedError, match="no image is of class 2"):
        METRICS[lone](np.minimum(y, 1), p)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_probabilities_of_a_diverged_network_get_no_score(name, bad):
    y, p = case(0, 2)
    p[3] = [bad, 0.5]
    with pytest.raises(MetricUndefinedError, match="not finite"):
        METRICS[name](y, p)


@pytest.mark.parametrize("name", NAMES)
def test_no_images_no_score(name):
    with pytest.raises(MetricUndefinedError, match="0 images"):
        METRICS[name](np.zeros(0, dtype=np.int64), np.zeros((0, 2)))


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_as_they_were(name):
    y, p = case(1, 3)
    before = y.copy(), p.copy()
    METRICS[name](y, p)
    np.testing.assert_array_equal(before[0], y)
    np.testing.assert_array_equal(before[1], p)
