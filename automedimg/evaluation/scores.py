"""Metrics of one set of predictions, by name."""

from __future__ import annotations

from collections.abc import Mapping

from automedimg.contracts.metrics import FloatArray, IntArray, Metric
from automedimg.evaluation.bootstrap import grouped_bootstrap
from automedimg.evaluation.predictions import check_predictions, score_or_none


def validation_scores(
    metrics: Mapping[str, Metric], y_true: IntArray, y_prob: FloatArray
) -> dict[str, float]:
    """Score predictions with every metric that has a value for them.

    Args:
        metrics: Metrics by name.
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Finite values by name; undefined metrics are left out.
    Raises:
        DataError: the arrays don't fit together, or a probability is not finite.
    """
    check_predictions(y_true, y_prob)
    scores = {name: score_or_none(metric, y_true, y_prob) for name, metric in metrics.items()}
    return {name: score for name, score in scores.items() if score is not None}


def interval_scores(
    metrics: Mapping[str, Metric],
    y_true: IntArray,
    y_prob: FloatArray,
    groups: IntArray,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    stratify: bool = True,
) -> dict[str, dict[str, float | None]]:
    """Score predictions and say how sure the scores are, ready for JSON.

    Args:
        metrics: Metrics by name.
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
        groups: int array, shape (N,); equal numbers mark images that belong together.
        resamples: How many resamples to draw.
        level: The intervals' nominal coverage.
        seed: The same seed gives the same intervals.
        stratify: Whether groups are drawn within strata, see `grouped_bootstrap`.
    Returns:
        ``{name: {"value": ..., "low": ..., "high": ...}}``; undefined metrics are left out, and
        ends that can't be given are None.
    Raises:
        ConfigurationError: `resamples` or `level` is out of range.
        DataError: the arrays don't fit together, or a probability is not finite.
    """
    intervals = grouped_bootstrap(
        metrics,
        y_true,
        y_prob,
        groups,
        resamples=resamples,
        level=level,
        seed=seed,
        stratify=stratify,
    )
    return {name: interval.to_json() for name, interval in intervals.items()}
