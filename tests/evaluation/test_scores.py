"""Scores by name, ready for a report."""

import json

import numpy as np
import pytest

from automedimg.errors import DataError, MetricUndefinedError
from automedimg.evaluation.bootstrap import grouped_bootstrap
from automedimg.evaluation.scores import interval_scores, usual_resamples, validation_scores


def accuracy(y, p):
    return np.float32(np.mean(p.argmax(axis=1) == y))


def undefined(y, p):
    raise MetricUndefinedError("never")


METRICS = {"accuracy": accuracy, "undefined": undefined, "nan": lambda y, p: float("nan")}
Y = np.arange(40) % 2
P = np.column_stack([1 - Y, Y]).astype(float)
P[:10] = P[:10, ::-1]


def test_validation_scores_leave_undefined_metrics_out():
    scores = validation_scores(METRICS, Y, P)
    assert scores == {"accuracy": 0.75}
    assert type(scores["accuracy"]) is float


def test_a_diverged_network_has_no_scores():
    spoiled = P.copy()
    spoiled[0, 0] = np.nan
    with pytest.raises(DataError, match="NaN") as error:
        validation_scores(METRICS, Y, spoiled)
    assert "learning rate" in error.value.hint


def test_interval_scores_survive_json():
    scores = interval_scores(METRICS, Y, P, np.arange(40), resamples=200)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert set(scores) == {"accuracy"}
    assert scores["accuracy"]["low"] < 0.75 < scores["accuracy"]["high"]


def test_interval_scores_pass_every_setting_on():
    settings = {"resamples": 150, "level": 0.8, "seed": 3, "stratify": False}
    # The share of positives varies only without strata, so it has ends only where that is heard.
    metrics = {"a": accuracy, "positives": lambda y, p: float(y.mean())}
    scores = interval_scores(metrics, Y, P, np.arange(40) % 20, **settings)
    intervals = grouped_bootstrap(metrics, Y, P, np.arange(40) % 20, **settings)
    assert scores == {name: interval.to_json() for name, interval in intervals.items()}
    assert scores["positives"]["low"] < 0.5 < scores["positives"]["high"]


def test_ends_that_cannot_be_given_are_none():
    scores = interval_scores({"a": accuracy}, Y, P, np.zeros(40, dtype=np.int64), resamples=20)
    assert scores == {"a": {"value": 0.75, "low": None, "high": None}}


@pytest.mark.parametrize(
    ("images", "resamples"), [(1, 2000), (600, 2000), (10_000, 2000), (20_000, 1000), (10**6, 400)]
)
def test_many_images_need_fewer_resamples(images, resamples):
    assert usual_resamples(images) == resamples


def test_intervals_take_the_usual_number_of_resamples(monkeypatch):
    from automedimg.evaluation import scores

    asked = []
    plain = grouped_bootstrap

    def spy(*args, resamples, **rest):
        asked.append(resamples)
        return plain(*args, resamples=50, **rest)

    monkeypatch.setattr(scores, "grouped_bootstrap", spy)
    monkeypatch.setattr(scores, "WORK", 4000)
    labels = np.arange(8) % 2
    y_prob = np.stack([1 - labels * 0.8, labels * 0.8], 1)
    interval_scores({"share": lambda y, p: float(y.mean())}, labels, y_prob, np.arange(8))
    assert asked == [500]
