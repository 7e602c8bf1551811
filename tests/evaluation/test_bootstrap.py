"""Intervals count groups, not images."""

import math
import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from automedimg.errors import ConfigurationError, DataError, MetricUndefinedError
from automedimg.evaluation.bootstrap import Interval, grouped_bootstrap, resample_indices


def accuracy(y, p):
    return float(np.mean(p.argmax(axis=1) == y))


def share_of_positives(y, p):
    return float(np.mean(y))


def sensitivity(y, p):
    if not y.any():
        raise MetricUndefinedError("no positives")
    return float(np.mean(p[y == 1, 1] > 0.5))


def patients(num, images_each, skill=0.8, seed=0, prevalence=0.5):
    """Every image of a patient is the same: one label, one prediction."""
    rng = np.random.default_rng(seed)
    y = (np.arange(num) < prevalence * num).astype(np.int64)
    right = rng.random(num) < skill
    p1 = np.where(right == (y == 1), 0.9, 0.1)
    y, p1 = np.repeat(y, images_each), np.repeat(p1, images_each)
    return y, np.column_stack([1 - p1, p1]), np.repeat(np.arange(num), images_each)


def width(interval):
    return interval.high - interval.low


def test_the_interval_holds_the_value_and_matches_theory():
    y, p, groups = patients(400, 1)
    interval = grouped_bootstrap({"accuracy": accuracy}, y, p, groups)["accuracy"]
    share = interval.value
    assert interval.low < share < interval.high
    assert share == accuracy(y, p)
    assert width(interval) == pytest.approx(
        2 * 1.96 * math.sqrt(share * (1 - share) / 400), rel=0.1
    )


def test_copies_of_an_image_add_no_certainty():
    y, p, groups = patients(100, 9)
    by_patient = grouped_bootstrap({"a": accuracy}, y, p, groups, resamples=1000)["a"]
    by_image = grouped_bootstrap({"a": accuracy}, y, p, np.arange(len(y)), resamples=1000)["a"]
    assert width(by_patient) == pytest.approx(3 * width(by_image), rel=0.2)
    once = grouped_bootstrap({"a": accuracy}, y[::9], p[::9], groups[::9], resamples=1000)["a"]
    assert (by_patient.low, by_patient.high) == pytest.approx((once.low, once.high))


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    hits = 0
    for seed in range(200):
        y, p, groups = patients(80, 3, seed=seed)
        interval = grouped_bootstrap({"a": accuracy}, y, p, groups, resamples=200, level=0.9)["a"]
        hits += interval.low <= 0.8 <= interval.high
    assert 0.82 <= hits / 200 <= 0.97


def test_a_lower_level_gives_a_narrower_interval():
    y, p, groups = patients(100, 2)
    wide, narrow = (
        grouped_bootstrap({"a": accuracy}, y, p, groups, resamples=500, level=level)["a"]
        for level in (0.95, 0.5)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_seed_decides_and_the_order_of_metrics_does_not():
    y, p, groups = patients(60, 3)
    first = grouped_bootstrap({"a": accuracy, "s": sensitivity}, y, p, groups, resamples=300)
    again = grouped_bootstrap({"s": sensitivity, "a": accuracy}, y, p, groups, resamples=300)
    other = grouped_bootstrap({"a": accuracy}, y, p, groups, resamples=300, seed=1)
    assert first == again
    assert first["a"] != other["a"]


def test_names_of_groups_do_not_matter():
    y, p, groups = patients(60, 3)
    plain = grouped_bootstrap({"a": accuracy}, y, p, groups, resamples=100)
    assert plain == grouped_bootstrap({"a": accuracy}, y, p, 7 * groups - 90, resamples=100)


def test_all_metrics_see_the_same_resamples():
    y, p, groups = patients(50, 2)
    seen = {"one": [], "two": []}

    def recorder(name):
        def metric(labels, probabilities):
            seen[name].append((labels.tobytes(), probabilities.tobytes()))
            return 0.5

        return metric

    grouped_bootstrap({n: recorder(n) for n in seen}, y, p, groups, resamples=20)
    assert seen["one"] == seen["two"]
    assert len(set(seen["one"])) > 15


def test_stratified_resamples_keep_the_mix_of_classes():
    y, p, groups = patients(40, 2, prevalence=0.1)
    fixed = grouped_bootstrap({"n": share_of_positives}, y, p, groups, resamples=200)["n"]
    free = grouped_bootstrap(
        {"n": share_of_positives}, y, p, groups, resamples=200, stratify=False
    )["n"]
    assert fixed.value == free.value == 0.1
    assert math.isnan(fixed.low)
    assert free.low < 0.1 < free.high


def test_a_whole_group_enters_as_often_as_it_is_drawn():
    groups = np.array([3, 1, 3, 2, 1, 3])
    labels = np.array([0, 0, 1, 0, 0, 0])
    counts = []
    for rows in resample_indices(np.zeros_like(labels), groups, resamples=200, seed=0):
        times = np.bincount(rows, minlength=6)
        assert times[0] == times[2] == times[5]
        assert times[1] == times[4]
        assert times[0] + times[1] + times[3] == 3  # three groups are drawn
        counts.append(times)
    assert np.mean(counts, axis=0) == pytest.approx(np.ones(6), abs=0.2)


def test_no_resample_of_two_classes_loses_one():
    # One positive slice among ten: by majority, every patient would be negative.
    labels = np.tile([1] + [0] * 9, 2).tolist() + [0] * 200
    groups = np.repeat(np.arange(22), 10)
    labels = np.array(labels)
    for rows in resample_indices(labels, groups, resamples=300, seed=0):
        assert labels[rows].sum() == 2


@pytest.mark.parametrize("seed", range(20))
def test_no_resample_of_random_mixed_groups_loses_one_of_two_classes(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 6, 20)
    labels = (rng.random(20) < 0.25).astype(np.int64)
    labels[:2] = [0, 1]
    for rows in resample_indices(labels, groups, resamples=50, seed=seed):
        assert set(labels[rows]) == {0, 1}


def test_a_metric_without_a_value_is_left_out():
    y, p, groups = patients(10, 2, prevalence=0.0)
    answer = grouped_bootstrap({"a": accuracy, "s": sensitivity}, y, p, groups, resamples=50)
    assert set(answer) == {"a"}


def sometimes(share):
    """A metric that is undefined on that share of the resamples."""
    rng = np.random.default_rng(0)

    def metric(y, p):
        if len(set(p[:, 0])) < len(p) and rng.random() < share:
            raise MetricUndefinedError("not today")
        return float(p[:, 0].mean())

    return metric


@pytest.mark.parametrize(("share", "has_interval"), [(0.3, True), (0.7, False)])
def test_undefined_resamples_are_skipped_up_to_half(share, has_interval):
    p1 = np.linspace(0, 1, 50)
    y, p = (p1 > 0.5).astype(np.int64), np.column_stack([1 - p1, p1])
    metrics = {"sometimes": sometimes(share), "a": accuracy, "mean": sometimes(0.0)}
    answer = grouped_bootstrap(metrics, y, p, np.arange(50), resamples=400)
    assert math.isfinite(answer["sometimes"].low) is has_interval
    assert math.isfinite(answer["mean"].low)
    if has_interval:
        assert answer["sometimes"].low == pytest.approx(answer["mean"].low, abs=0.02)


def test_a_plugins_nan_counts_as_undefined():
    y, p, groups = patients(10, 1)
    assert grouped_bootstrap({"n": lambda y, p: math.nan}, y, p, groups, resamples=5) == {}


def test_a_metric_that_raises_costs_only_itself():
    def broken(y, p):
        raise ZeroDivisionError

    y, p, groups = patients(10, 1)
    scores = grouped_bootstrap({"b": broken, "a": accuracy}, y, p, groups, resamples=50)
    assert set(scores) == {"a"}


def test_no_mistake_is_no_certainty():
    y, p, groups = patients(30, 2, skill=1.1)
    interval = grouped_bootstrap({"a": accuracy}, y, p, groups, resamples=100)["a"]
    assert interval.value == 1.0
    assert math.isnan(interval.low) and math.isnan(interval.high)
    assert interval.to_json() == {"value": 1.0, "low": None, "high": None}


def test_one_patient_gives_no_interval():
    y, p, _ = patients(10, 2, skill=0.5)
    assert 0 < accuracy(y, p) < 1
    interval = grouped_bootstrap({"a": accuracy}, y, p, np.zeros_like(y), resamples=50)["a"]
    assert math.isnan(interval.low)


def test_works_with_a_real_auc():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 150)
    p1 = 1 / (1 + np.exp(-rng.normal(y * 1.5, 1)))
    p = np.column_stack([1 - p1, p1])
    metric = {"auc": lambda y, p: roc_auc_score(y, p[:, 1])}
    interval = grouped_bootstrap(metric, y, p, np.arange(150), resamples=100)["auc"]
    assert 0.7 < interval.low < interval.value < interval.high < 1.0


def test_thousands_of_resamples_take_less_than_seconds():
    y, p, groups = patients(200, 3)
    start = time.perf_counter()
    grouped_bootstrap({"a": accuracy}, y, p, groups)
    assert time.perf_counter() - start < 3  # Measured: 0.07 s.


@pytest.mark.parametrize(
    "change",
    [
        {"y_true": np.zeros(9, dtype=np.int64)},
        {"groups": np.zeros(9, dtype=np.int64)},
        {"y_prob": np.zeros(10)},
        {"y_prob": np.full((10, 2), math.nan)},
        {"y_true": np.full(10, 2)},
        {"y_true": np.full(10, -1)},
    ],
)
def test_refuses_arrays_that_do_not_fit(change):
    y, p, groups = patients(10, 1)
    with pytest.raises(DataError):
        grouped_bootstrap(
            {"a": accuracy}, **({"y_true": y, "y_prob": p, "groups": groups} | change)
        )


@pytest.mark.parametrize("setting", [{"resamples": 0}, {"level": 0.0}, {"level": 95.0}])
def test_refuses_settings_out_of_range(setting):
    y, p, groups = patients(10, 1)
    with pytest.raises(ConfigurationError):
        grouped_bootstrap({"a": accuracy}, y, p, groups, **setting)


def test_an_interval_goes_to_json_as_numbers():
    assert Interval(0.5, 0.25, 0.75).to_json() == {"value": 0.5, "low": 0.25, "high": 0.75}
