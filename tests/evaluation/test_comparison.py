"""Comparing two models, against SciPy and numbers worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from automedimg.errors import DataError
from automedimg.evaluation.comparison import (
    corrected_t_test,
    difference_intervals,
    mcnemar_exact,
    mean_intervals,
    mean_of_probabilities,
    paired_t_test,
    spread_of,
)


def accuracy(y_true, y_prob):
    return float((y_prob.argmax(1) == y_true).mean())


def probabilities(called):
    return np.eye(2)[np.asarray(called)] * 0.8 + 0.1


A, B = [0.91, 0.93, 0.90, 0.95], [0.90, 0.90, 0.91, 0.91]


def test_paired_t_test_is_scipys():
    expected = stats.ttest_rel(A, B)
    found = paired_t_test(A, B)
    assert found.t == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.degrees == 3
    assert found.difference == pytest.approx(np.mean(A) - np.mean(B))


def test_corrected_t_test_by_hand():
    # Differences 0.01, 0.02, 0.06: mean 0.03, variance 0.0007; factor 1/3 + 1/2.
    found = corrected_t_test([0.91, 0.92, 0.96], [0.9, 0.9, 0.9], 0.5)
    assert found.t == pytest.approx(0.03 / math.sqrt(0.0007 * (1 / 3 + 1 / 2)))
    assert found.t == pytest.approx(1.2421, abs=1e-4)
    # With two degrees of freedom, p = 1 - t / sqrt(t² + 2).
    assert found.p == pytest.approx(1 - found.t / math.sqrt(found.t**2 + 2))


def test_correction_makes_a_difference_less_certain():
    plain, corrected = paired_t_test(A, B), corrected_t_test(A, B, 1 / 3)
    assert abs(corrected.t) < abs(plain.t)
    assert corrected.p > plain.p
    assert corrected.difference == plain.difference


def test_equal_differences_have_no_statistic():
    assert paired_t_test([0.9, 0.9], [0.8, 0.8]).t is None
    assert paired_t_test([0.3, 0.2, 0.1], [0.2, 0.1, 0.0]).p is None  # equal but for rounding


@pytest.mark.parametrize("pair", [([0.9], [0.8]), ([0.9, 0.8], [0.9]), ([], [])])
def test_too_few_folds_are_refused(pair):
    with pytest.raises(DataError, match="folds"):
        paired_t_test(*pair)


def test_ratio_must_be_positive():
    with pytest.raises(DataError, match="above 0"):
        corrected_t_test(A, B, 0.0)


def test_mcnemar_by_hand():
    y_true = np.zeros(10, dtype=np.int64)
    first = probabilities([0] * 9 + [1])
    second = probabilities([0, 0, 0, 0] + [1] * 5 + [0])
    found = mcnemar_exact(y_true, first, second)
    assert (found.first_only, found.second_only) == (5, 1)
    # Two-sided: 2 * (C(6, 0) + C(6, 1)) / 2^6.
    assert found.p == pytest.approx(2 * 7 / 64)


def test_mcnemar_counts_a_group_once():
    y_true = np.zeros(6, dtype=np.int64)
    first, second = probabilities([0] * 6), probabilities([1] * 6)
    assert mcnemar_exact(y_true, first, second).first_only == 6
    grouped = mcnemar_exact(y_true, first, second, np.array([7, 7, 7, 7, 7, 2]))
    assert grouped.first_only == 2
    assert grouped.p == pytest.approx(0.5)


def test_mcnemar_of_equal_models():
    y_true = np.array([0, 1])
    assert mcnemar_exact(y_true, probabilities([0, 0]), probabilities([0, 0])).p == 1.0


def test_difference_has_an_interval():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 400)
    good = probabilities(np.where(rng.random(400) < 0.9, y_true, 1 - y_true))
    poor = probabilities(np.where(rng.random(400) < 0.7, y_true, 1 - y_true))
    groups = np.arange(400)
    found = difference_intervals({"accuracy": accuracy}, y_true, [good], [poor], groups)["accuracy"]
    assert found.value == pytest.approx(accuracy(y_true, good) - accuracy(y_true, poor))
    assert 0 < found.low < found.value < found.high
    # The standard error of the difference of two shares on the same images.
    right = (good.argmax(1) == y_true).astype(float) - (poor.argmax(1) == y_true)
    width = 2 * 1.96 * right.std() / math.sqrt(400)
    assert found.high - found.low == pytest.approx(width, rel=0.15)
    same = difference_intervals({"accuracy": accuracy}, y_true, [good], [good], groups)["accuracy"]
    assert same.value == 0
    assert math.isnan(same.low)


def test_mean_over_fold_models():
    y_true = np.array([0, 1, 0, 1])
    models = [probabilities([0, 1, 0, 1]), probabilities([0, 0, 0, 1])]
    groups = np.arange(4)
    found = mean_intervals({"accuracy": accuracy}, y_true, models, groups)["accuracy"]
    assert found.value == pytest.approx((1.0 + 0.75) / 2)
    assert found.low < found.value


def test_spread_over_folds():
    found = spread_of([0.9, 0.94, 0.98])
    assert found.mean == pytest.approx(0.94)
    assert found.variance == pytest.approx(0.0016)
    assert spread_of([0.9]).variance is None
    with pytest.raises(DataError):
        spread_of([])


def test_ensemble_is_the_mean():
    both = mean_of_probabilities([np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])])
    assert both == pytest.approx(np.array([[0.4, 0.6]]))
    with pytest.raises(DataError, match="one shape"):
        mean_of_probabilities([np.ones((2, 2)), np.ones((3, 2))])
    with pytest.raises(DataError, match="none"):
        mean_of_probabilities([])
