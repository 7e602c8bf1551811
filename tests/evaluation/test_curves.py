"""The ROC curve is the whole curve, with no point too many."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from automedimg.errors import ConfigurationError, DataError, MetricUndefinedError
from automedimg.evaluation.curves import roc_band, roc_curve


def case(seed, n=120, ties=False):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], rng.integers(0, 2, n - 2)])
    score = rng.normal(y, 1.0)
    return y, np.round(score, 0 if ties else 12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_is_the_reference_curve(seed, ties):
    y, score = case(seed, ties=ties)
    fpr, tpr = roc_curve(y, score)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert np.all(np.diff(fpr) >= 0) and np.all(np.diff(tpr) >= 0)
    assert np.trapezoid(tpr, fpr) == pytest.approx(reference.roc_auc_score(y, score), abs=1e-12)
    # The corners are points of the full curve, and the full curve runs along the corners.
    all_fpr, all_tpr, _ = reference.roc_curve(y, score, drop_intermediate=False)
    full = set(zip(all_fpr.round(9), all_tpr.round(9), strict=True))
    assert set(zip(fpr.round(9), tpr.round(9), strict=True)) <= full
    on_corners = [distance_to(fpr, tpr, x, y) for x, y in zip(all_fpr, all_tpr, strict=True)]
    assert max(on_corners) < 1e-12


def distance_to(fpr, tpr, x, y):
    """Distance of a point from a polyline."""
    a, b = np.column_stack([fpr, tpr])[:-1], np.column_stack([fpr, tpr])[1:]
    along = ((np.array([x, y]) - a) * (b - a)).sum(axis=1) / ((b - a) ** 2).sum(axis=1)
    nearest = a + np.clip(along, 0, 1)[:, None] * (b - a)
    return np.sqrt(((nearest - [x, y]) ** 2).sum(axis=1)).min()


@pytest.mark.parametrize("seed", range(5))
def test_no_corner_lies_between_its_neighbours(seed):
    fpr, tpr = roc_curve(*case(seed, ties=True))
    dx, dy = np.diff(fpr), np.diff(tpr)
    assert np.all(np.abs(dx[:-1] * dy[1:] - dx[1:] * dy[:-1]) > 1e-12)


def test_small_curves():
    assert [v.tolist() for v in roc_curve(np.array([0, 1]), np.array([0.2, 0.7]))] == [
        [0, 0, 1],
        [0, 1, 1],
    ]
    assert [v.tolist() for v in roc_curve(np.array([0, 1, 1]), np.full(3, 0.5))] == [[0, 1], [0, 1]]


def test_bool_labels_will_do():
    y, score = case(0)
    for by_bool, by_int in zip(roc_curve(y == 1, score), roc_curve(y, score), strict=True):
        np.testing.assert_array_equal(by_bool, by_int)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_curve(label):
    with pytest.raises(MetricUndefinedError):
        roc_curve(np.full(3, label), np.arange(3.0))
    with pytest.raises(MetricUndefinedError):
        roc_band(np.full(3, label), np.arange(3.0), np.arange(3))


def test_refuses_scores_that_do_not_fit():
    with pytest.raises(DataError):
        roc_curve(np.array([0, 1]), np.array([0.1, math.nan]))
    with pytest.raises(DataError):
        roc_curve(np.array([0, 1]), np.array([0.1, 0.2, 0.3]))
    with pytest.raises(DataError):
        roc_curve(np.array([0, 2]), np.array([0.1, 0.2]))


def test_the_band_holds_the_curve_and_is_wider_for_copies():
    y, score = case(1)
    once = roc_band(y, score, np.arange(len(y)), resamples=300)
    assert once.false_positive_rate[[0, -1]].tolist() == [0, 1]
    curve = np.interp(once.false_positive_rate, *roc_curve(y, score))
    assert np.mean((once.low <= curve) & (curve <= once.high)) > 0.95
    copied_y, copied_score = np.repeat(y, 4), np.repeat(score, 4)
    by_image = roc_band(copied_y, copied_score, np.arange(4 * len(y)), resamples=300)
    by_patient = roc_band(copied_y, copied_score, np.repeat(np.arange(len(y)), 4), resamples=300)
    np.testing.assert_allclose(by_patient.low, once.low)
    widths = [np.mean(band.high - band.low) for band in (by_patient, by_image)]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.25)


def test_the_band_of_a_perfect_score_reaches_the_corner():
    y = np.arange(20) % 2
    band = roc_band(y, y.astype(float), np.arange(20), resamples=50, num_points=5)
    assert band.low.tolist() == band.high.tolist() == [1.0] * 5


def test_the_seed_decides():
    y, score = case(2)
    first, again, other = (
        roc_band(y, score, np.arange(len(y)), resamples=50, seed=seed).low for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_band_refuses_settings_out_of_range():
    y, score = case(0)
    with pytest.raises(ConfigurationError):
        roc_band(y, score, np.arange(len(y)), level=95)
