"""Confidence intervals that know that images of one patient are not independent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray, Metric
from automedimg.errors import ConfigurationError
from automedimg.evaluation.predictions import check_predictions, score_or_none

_NO_WIDTH = 1e-12  # Summing the same terms in another order moves a metric by about 1e-15.


@dataclass(frozen=True, slots=True)
class Interval:
    """A metric's value and its confidence interval.

    Args:
        value: The metric on all images.
        low: Lower end; NaN where no interval can be given.
        high: Upper end; NaN where no interval can be given.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Return it as plain JSON types; JSON has no NaN, so that becomes None."""
        ends = {"low": self.low, "high": self.high}
        return {"value": self.value} | {k: None if math.isnan(v) else v for k, v in ends.items()}


def grouped_bootstrap(
    metrics: Mapping[str, Metric],
    y_true: IntArray,
    y_prob: FloatArray,
    groups: IntArray,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    stratify: bool = True,
) -> dict[str, Interval]:
    """Percentile intervals from resampling whole groups.

    Groups are drawn with replacement, and a drawn group brings all of its images, as often as it
    was drawn. To draw images instead would take twenty slices of one patient for twenty
    independent witnesses, and may give an interval several times too narrow. What varies when a
    study is repeated is its patients, so they are what is drawn.

    Groups are drawn within strata (see `resample_indices`): the splits are stratified and most
    collections fix how many of each class they hold, so class sizes are the design's choice and
    not chance. The interval therefore speaks of this mix of classes. For patients that were taken
    as they came, where prevalence is itself a finding, pass ``stratify=False``.

    All metrics see the same resamples. A resample without a value for a metric is left out for
    that metric alone. Both ends are NaN where

    - more than half of the resamples had no value, or
    - the interval would have no width: with no mistake at all, or a single group behind the
      metric, every resample agrees, which is no evidence of certainty.

    Intervals are too narrow with few groups: a class shown by n groups contributes (n - 1) / n of
    its variance, so trust them from about ten groups a class.

    Args:
        metrics: Metrics by name.
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
        groups: int array, shape (N,); equal numbers mark images that belong together.
        resamples: How many resamples to draw.
        level: The intervals' nominal coverage, in (0, 1).
        seed: The same seed gives the same intervals.
        stratify: Whether groups are drawn within strata.
    Returns:
        An interval for each metric that has a value on all images; the others are left out.
    Raises:
        ConfigurationError: `resamples` or `level` is out of range.
        DataError: the arrays don't fit together.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13; Field & Welsh
        (2007), J. R. Stat. Soc. B 69, for clusters; Carpenter & Bithell (2000), Stat. Med. 19, on
        resampling as the data were sampled.
    """
    check_predictions(y_true, y_prob, groups)
    check_settings(resamples, level)
    values = {name: score_or_none(metric, y_true, y_prob) for name, metric in metrics.items()}
    defined = {name: value for name, value in values.items() if value is not None}
    draws: dict[str, list[float]] = {name: [] for name in defined}
    strata = y_true if stratify else np.zeros_like(y_true)
    for rows in resample_indices(strata, groups, resamples=resamples, seed=seed):
        labels, probabilities = y_true[rows], y_prob.take(rows, axis=0)
        for name, kept in draws.items():
            value = score_or_none(metrics[name], labels, probabilities)
            if value is not None:
                kept.append(value)
    return {
        name: Interval(value, *_percentile_ends(draws[name], resamples, level))
        for name, value in defined.items()
    }


def resample_indices(
    labels: IntArray, groups: IntArray, *, resamples: int, seed: int
) -> Iterator[IntArray]:
    """Yield the rows of each resample, group by group.

    A group with images of several classes belongs to the stratum of its rarest class (the one
    that the fewest groups show). By its majority class instead, a patient with one positive slice
    among many would count as negative, and a resample could end up without positives. With two
    classes no resample loses one; with more that is rare.

    Args:
        labels: int array, shape (N,), from 0 up; all equal for no stratification.
        groups: int array, shape (N,).
        resamples: How many resamples to draw.
        seed: The same seed gives the same rows.
    Yields:
        int array of row numbers; its length varies with the drawn groups' sizes.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(codes)
    rows = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    strata = _strata(labels, codes)
    # Groups in the order of their strata, so that one call draws for all of them at once.
    by_stratum = np.argsort(strata, kind="stable")
    stratum_ends = np.cumsum(np.bincount(strata))
    last = stratum_ends[strata[by_stratum]]
    first = last - np.bincount(strata)[strata[by_stratum]]
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = by_stratum[rng.integers(first, last)]
        lengths = sizes[drawn]
        # Each drawn group's rows lie side by side: its start, plus 0, 1, 2, ... for its length.
        offsets = starts[drawn] - (np.cumsum(lengths) - lengths)
        yield rows[np.repeat(offsets, lengths) + np.arange(lengths.sum())]


def _strata(labels: IntArray, codes: IntArray) -> IntArray:
    """Return each group's rarest class, shape (G,)."""
    shows = np.zeros((int(codes.max()) + 1, int(labels.max()) + 1), dtype=bool)
    shows[codes, labels] = True
    num_groups = np.where(shows, shows.sum(axis=0), len(shows) + 1)
    rarest: IntArray = np.argmin(num_groups, axis=1)
    return rarest


def check_settings(resamples: int, level: float) -> None:
    """Refuse settings that no bootstrap can follow.

    Args:
        resamples: How many resamples to draw.
        level: The nominal coverage.
    Raises:
        ConfigurationError: one of them is out of range.
    """
    if resamples < 1:
        raise ConfigurationError(f"got {resamples} bootstrap resamples; expected at least 1")
    if not 0.0 < level < 1.0:
        raise ConfigurationError(
            f"got confidence level {level}; expected a number between 0 and 1",
            hint="95 % is 0.95",
        )


def _percentile_ends(draws: list[float], resamples: int, level: float) -> tuple[float, float]:
    """Both ends, or NaN twice where `grouped_bootstrap` says that there is no interval."""
    if 2 * len(draws) < resamples:
        return math.nan, math.nan
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail]).tolist()
    if high - low <= _NO_WIDTH * max(1.0, abs(low)):
        return math.nan, math.nan
    return low, high
