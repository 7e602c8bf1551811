"""The ROC curve and how far it may be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import MetricUndefinedError
from automedimg.evaluation.bootstrap import check_settings, resample_indices
from automedimg.evaluation.predictions import check_predictions


@dataclass(frozen=True, slots=True)
class RocBand:
    """A pointwise confidence band around a ROC curve.

    Args:
        false_positive_rate: Shape (M,), from 0 to 1.
        low: Lower true positive rate, shape (M,); NaN where no band can be given.
        high: Upper true positive rate, shape (M,); NaN where no band can be given.
    """

    false_positive_rate: FloatArray
    low: FloatArray
    high: FloatArray


def roc_curve(y_true_binary: IntArray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners of the ROC curve, from (0, 0) to (1, 1).

    Images of equal score enter together, as one sloped step. Points on a straight line between
    others are dropped: the figure stays the same and the report small.

    Args:
        y_true_binary: int or bool array, shape (N,): 1 is positive.
        score: float array, shape (N,); higher speaks for positive.
    Returns:
        False and true positive rates, both of shape (M,) and never falling.
    Raises:
        DataError: the arrays don't fit together, or a score is not finite.
        MetricUndefinedError: there are no positives or no negatives.
    Source: Fawcett (2006), Pattern Recognition Letters 27.
    """
    positive = np.asarray(y_true_binary).astype(np.int64)
    check_predictions(positive, np.column_stack([-score, score]))
    return _corners(positive, score)


def roc_band(
    y_true_binary: IntArray,
    score: FloatArray,
    groups: IntArray,
    *,
    num_points: int = 101,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> RocBand:
    """Percentile band of the true positive rate at fixed false positive rates.

    Whole groups are resampled, for the reasons that `grouped_bootstrap` gives. The band is
    pointwise: each rate is covered at `level`, the whole curve less often.

    Args:
        y_true_binary: int or bool array, shape (N,): 1 is positive.
        score: float array, shape (N,); higher speaks for positive.
        groups: int array, shape (N,); equal numbers mark images that belong together.
        num_points: Points of the grid of false positive rates.
        resamples: How many resamples to draw.
        level: The nominal coverage at each point.
        seed: The same seed gives the same band.
    Returns:
        The band; all NaN where more than half of the resamples lack a class.
    Raises:
        ConfigurationError: `resamples` or `level` is out of range.
        DataError: the arrays don't fit together, or a score is not finite.
        MetricUndefinedError: there are no positives or no negatives.
    Source: Macskassy & Provost (2004), ROCAI workshop; Field & Welsh (2007) for clusters.
    """
    positive = np.asarray(y_true_binary).astype(np.int64)
    check_predictions(positive, np.column_stack([-score, score]), groups)
    check_settings(resamples, level)
    _corners(positive, score)  # Says at once if no curve can be drawn.
    grid = np.linspace(0.0, 1.0, num_points)
    heights = []
    for rows in resample_indices(positive, groups, resamples=resamples, seed=seed):
        try:
            # Where the curve is vertical, interp takes its upper end: the rate reached there.
            heights.append(np.interp(grid, *_corners(positive[rows], score[rows])))
        except MetricUndefinedError:
            continue
    if 2 * len(heights) < resamples:
        nowhere = np.full(num_points, math.nan)
        return RocBand(grid, nowhere, nowhere)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.stack(heights), [tail, 1.0 - tail], axis=0)
    return RocBand(grid, low, high)


def _corners(positive: IntArray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    num_positive = int(positive.sum())
    num_negative = len(positive) - num_positive
    if not num_positive or not num_negative:
        raise MetricUndefinedError("a ROC curve needs positive and negative images")
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    # One point after the last image of each distinct score.
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(positive[order])[ends]
    up = np.append(0, hits)
    right = np.append(0, ends + 1 - hits)
    keep = _turns(right, up)
    return right[keep] / num_negative, up[keep] / num_positive


def _turns(x: IntArray, y: IntArray) -> IntArray:
    """Mark the first point, the last, and those where the direction changes."""
    dx, dy = np.diff(x), np.diff(y)
    # In integers, so that "on one line" is exact.
    inner = np.flatnonzero(dx[:-1] * dy[1:] != dx[1:] * dy[:-1]) + 1
    return np.concatenate(([0], inner, [len(x) - 1]))
