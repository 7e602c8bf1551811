"""Is one model better than another? Tests over folds, and on one test set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray, Metric
from automedimg.errors import DataError
from automedimg.evaluation.bootstrap import Interval, grouped_bootstrap
from automedimg.evaluation.scores import usual_resamples


@dataclass(frozen=True, slots=True)
class TTest:
    """A two-sided t-test of paired scores.

    Args:
        t: The statistic; None where it has no value: all differences are equal.
        p: Probability of a statistic as large if the models were equally good; None likewise.
        degrees: Degrees of freedom.
        difference: Mean of the first model's scores less the second's.
    """

    t: float | None
    p: float | None
    degrees: int
    difference: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's exact test: does one model get images right that the other gets wrong?

    Args:
        first_only: Images that only the first model gets right.
        second_only: Images that only the second model gets right.
        p: Two-sided probability of so uneven a count if neither was better.
    """

    first_only: int
    second_only: int
    p: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Spread:
    """A score over folds.

    Args:
        values: One a fold.
        mean: Of the values.
        variance: Unbiased, with n - 1; None for a single fold.
    """

    values: tuple[float, ...]
    mean: float
    variance: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {"values": list(self.values), "mean": self.mean, "variance": self.variance}


def spread_of(values: Sequence[float]) -> Spread:
    """Mean and variance of a score over folds.

    Raises:
        DataError: there are no values.
    """
    if not values:
        raise DataError("no folds to take the mean of")
    known = np.asarray(values, dtype=np.float64)
    variance = float(known.var(ddof=1)) if len(known) > 1 else None
    return Spread(tuple(map(float, values)), float(known.mean()), variance)


def paired_t_test(first: Sequence[float], second: Sequence[float]) -> TTest:
    """Student's t-test of two models' scores, fold by fold.

    It takes folds for independent. They are not: any two of them train on mostly the same images,
    so it finds differences that aren't there. `corrected_t_test` allows for that.

    Args:
        first, second: A score of each model on each fold, in the same order.
    Raises:
        DataError: fewer than two folds, or not as many of one model as of the other.
    Source: Student (1908), Biometrika 6; Dietterich (1998), Neural Computation 10, on its faults.
    """
    differences = _differences(first, second)
    return _t_test(differences, 1.0 / len(differences))


def corrected_t_test(
    first: Sequence[float], second: Sequence[float], tested_to_trained: float
) -> TTest:
    """The resampled t-test with Nadeau and Bengio's correction, because folds share data.

    The variance of the mean difference is taken as (1/J + n_test/n_train) times the variance of
    the J differences, where Student's test takes 1/J.

    Args:
        first, second: A score of each model on each fold, in the same order.
        tested_to_trained: Images that a fold scores, divided by those that it trains on; above 0.
    Raises:
        DataError: as for `paired_t_test`; or the ratio is not above 0.
    Source: Nadeau & Bengio (2003), Inference for the Generalization Error, Machine Learning 52,
        section 4.
    """
    if not tested_to_trained > 0:
        raise DataError(
            f"got {tested_to_trained} for the ratio of images that are scored to images that are "
            "trained on; expected a number above 0",
            "3 folds have 0.5",
        )
    differences = _differences(first, second)
    return _t_test(differences, 1.0 / len(differences) + tested_to_trained)


def mcnemar_exact(
    y_true: IntArray, first: FloatArray, second: FloatArray, groups: IntArray | None = None
) -> McNemar:
    """McNemar's exact test of two models' decisions on the same images.

    Images that both get right, or both wrong, say nothing. Where neither model is better, each of
    the others is right for one of them as by the toss of a coin.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        first, second: Probabilities, float arrays, shape (N, K).
        groups: int array, shape (N,): images of one group count once, for the model that gets more
            of them right. Copies are no further witnesses. None counts each image.
    Raises:
        DataError: the arrays don't fit together.
    Source: McNemar (1947), Psychometrika 12; exact by the binomial distribution.
    """
    from scipy.stats import binomtest

    _check_pair(y_true, first, second)
    wins = (first.argmax(1) == y_true).astype(int) - (second.argmax(1) == y_true).astype(int)
    if groups is not None:
        members = np.unique(groups, return_inverse=True)[1]
        wins = np.bincount(members, weights=wins).round().astype(int)
    better, worse = int((wins > 0).sum()), int((wins < 0).sum())
    decided = better + worse
    p = float(binomtest(better, decided, 0.5).pvalue) if decided else 1.0
    return McNemar(better, worse, p)


def difference_intervals(
    metrics: Mapping[str, Metric],
    y_true: IntArray,
    first: Sequence[FloatArray],
    second: Sequence[FloatArray],
    groups: IntArray,
    *,
    resamples: int | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """How much better one model scores than another on the same images, with intervals.

    Whole groups are resampled, the same ones for both models. Of several fold models each is
    scored and the mean is taken.

    Args:
        metrics: Metrics by name.
        y_true: int array, shape (N,), values in [0, K).
        first, second: Probabilities of one or more fold models, float arrays, shape (N, K) each.
        groups: int array, shape (N,).
        resamples: How many to draw; None takes the usual number.
        level: The intervals' nominal coverage.
        seed: The same seed gives the same intervals.
    Returns:
        First less second, by name; metrics without a value are left out. An interval without 0
        speaks for a difference.
    Raises:
        ConfigurationError: `resamples` or `level` is out of range.
        DataError: the arrays don't fit together.
    Source: Efron & Tibshirani (1993), ch. 13; groups as for `grouped_bootstrap`.
    """
    for y_prob in (*first, *second):
        _check_pair(y_true, y_prob, first[0])
    split = len(first)

    def make(metric: Metric) -> Metric:
        def gap(labels: IntArray, stacked: FloatArray) -> float:
            scores = [metric(labels, part) for part in np.split(stacked, split + len(second), 1)]
            return float(np.mean(scores[:split]) - np.mean(scores[split:]))

        return gap

    return grouped_bootstrap(
        {name: make(metric) for name, metric in metrics.items()},
        y_true,
        np.concatenate([*first, *second], axis=1),
        groups,
        resamples=resamples or usual_resamples(len(y_true)),
        level=level,
        seed=seed,
    )


def mean_intervals(
    metrics: Mapping[str, Metric],
    y_true: IntArray,
    models: Sequence[FloatArray],
    groups: IntArray,
    *,
    resamples: int | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """The mean score of several fold models on one test set, with intervals.

    The interval is about the images: with other patients, what would the mean be? That the folds
    trained on different images shows in their `spread_of`, not here.

    Args:
        metrics, y_true, groups, resamples, level, seed: As for `difference_intervals`.
        models: Probabilities of one or more fold models, float arrays, shape (N, K) each.
    Raises:
        ConfigurationError, DataError: as for `difference_intervals`.
    """
    for y_prob in models:
        _check_pair(y_true, y_prob, models[0])

    def make(metric: Metric) -> Metric:
        return lambda labels, stacked: float(
            np.mean([metric(labels, part) for part in np.split(stacked, len(models), 1)])
        )

    return grouped_bootstrap(
        {name: make(metric) for name, metric in metrics.items()},
        y_true,
        np.concatenate(models, axis=1),
        groups,
        resamples=resamples or usual_resamples(len(y_true)),
        level=level,
        seed=seed,
    )


def mean_of_probabilities(models: Sequence[FloatArray]) -> FloatArray:
    """An ensemble: the mean of several models' probabilities for the same images.

    Args:
        models: float arrays, shape (N, K) each, rows sum to 1.
    Returns:
        float array, shape (N, K), rows sum to 1.
    Raises:
        DataError: there is no model, or their shapes differ.
    Source: Kittler et al. (1998), On Combining Classifiers, IEEE TPAMI 20: the sum rule.
    """
    shapes = {model.shape for model in models}
    if len(shapes) != 1:
        found = ", ".join(str(shape) for shape in sorted(shapes)) or "none"
        raise DataError(f"an ensemble needs probabilities of one shape; got {found}")
    return np.asarray(np.mean(models, axis=0), dtype=np.float64)


def _differences(first: Sequence[float], second: Sequence[float]) -> FloatArray:
    if len(first) != len(second) or len(first) < 2:
        raise DataError(
            f"got scores of {len(first)} and {len(second)} folds; expected as many of both models, "
            "two at least"
        )
    return np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)


def _t_test(differences: FloatArray, factor: float) -> TTest:
    """The test of mean differences whose variance is `factor` times theirs."""
    from scipy.stats import t as student

    mean, degrees = float(differences.mean()), len(differences) - 1
    variance = float(differences.var(ddof=1))
    # Equal differences leave rounding errors where the variance should be nought.
    if variance <= (1e-12 * max(1.0, float(np.abs(differences).max()))) ** 2:
        return TTest(None, None, degrees, mean)
    statistic = mean / math.sqrt(factor * variance)
    return TTest(statistic, float(2 * student.sf(abs(statistic), degrees)), degrees, mean)


def _check_pair(y_true: IntArray, first: FloatArray, second: FloatArray) -> None:
    if first.shape != second.shape or first.ndim != 2 or len(first) != len(y_true):
        raise DataError(
            f"probabilities of shape {first.shape} and {second.shape} for {len(y_true)} images "
            "can't be compared; expected (N, K) twice"
        )
