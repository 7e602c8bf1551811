"""Metrics of one set of predictions, by name."""

from __future__ import annotations

from collections.abc import Mapping

from automedimg.contracts.metrics import FloatArray, IntArray, Metric
from automedimg.evaluation.bootstrap import grouped_bootstrap
from automedimg.evaluation.predictions import check_predictions, score_or_none

MOST_RESAMPLES, LEAST_RESAMPLES = 2000, 400
WORK = 20_000_000
"""Images that all resamples together go over, where that leaves enough of them."""


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


def usual_resamples(num_images: int) -> int:
    """Resamples for an interval: no more than go over 20 million images, and 400 at least."""
    return max(LEAST_RESAMPLES, min(MOST_RESAMPLES, WORK // max(num_images, 1)))


def interval_scores(
    metrics: Mapping[str, Metric],
    y_true: IntArray,
    y_prob: FloatArray,
    groups: IntArray,
    *,
    resamples: int | None = None,
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
        resamples: How many resamples to draw; None takes `MOST_RESAMPLES`, and fewer of more than
            10,000 images, whose narrow intervals need fewer: half a minute is enough.
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
        resamples=usual_resamples(len(y_true)) if resamples is None else resamples,
        level=level,
        seed=seed,
        stratify=stratify,
    )
    return {name: interval.to_json() for name, interval in intervals.items()}
