"""Metrics of the order in which images are ranked, whatever the threshold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg_metrics.inputs import num_classes, require_every_class

_Ranking = Callable[[FloatArray, FloatArray], float]


def auc(y_true: IntArray, y_prob: FloatArray) -> float:
    """Area under the ROC curve.

    Two classes: of the second one. More: the unweighted mean of one class against the rest. Equal
    scores count half, as midranks do.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better.
    Raises:
        MetricUndefinedError: a class is absent from `y_true`, or a probability is not finite.
    Source: Hanley & McNeil (1982), Radiology 143; Provost & Domingos (2001) for the mean.
    """
    sizes = np.bincount(y_true, minlength=num_classes(y_true, y_prob))
    require_every_class(sizes, "AUC")
    return _one_vs_rest(_pair_auc, y_true, y_prob)


def average_precision(y_true: IntArray, y_prob: FloatArray) -> float:
    """Area under the precision-recall curve, in steps: no interpolation between thresholds.

    Two classes: of the second one. More: the unweighted mean of one class against the rest.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better. Chance level is the share of positives.
    Raises:
        MetricUndefinedError: a class (of two: the second) is absent from `y_true`, or a
            probability is not finite.
    Source: Davis & Goadrich (2006), ICML, on why not to interpolate.
    """
    sizes = np.bincount(y_true, minlength=num_classes(y_true, y_prob))
    require_every_class(sizes[1:] if len(sizes) == 2 else sizes, "average precision")
    return _one_vs_rest(_pair_average_precision, y_true, y_prob)


def _one_vs_rest(ranking: _Ranking, y_true: IntArray, y_prob: FloatArray) -> float:
    columns = y_prob.shape[1]
    classes = (1,) if columns == 2 else range(columns)
    values = []
    for label in classes:
        is_label = y_true == label
        scores = y_prob[:, label]
        # Sorted here because both sides search in sorted scores, with sorted keys being faster.
        values.append(ranking(np.sort(scores[is_label]), np.sort(scores[~is_label])))
    return sum(values) / len(values)


def _pair_auc(positive: FloatArray, negative: FloatArray) -> float:
    """Share of (positive, negative) pairs in the right order; both are sorted."""
    below = np.searchsorted(negative, positive, side="left").sum()
    not_above = np.searchsorted(negative, positive, side="right").sum()
    return float(below + not_above) / (2.0 * len(positive) * len(negative))


def _pair_average_precision(positive: FloatArray, negative: FloatArray) -> float:
    """Mean, over the positives, of the precision with that positive's score as threshold."""
    hits = len(positive) - np.searchsorted(positive, positive, side="left")
    false_alarms = len(negative) - np.searchsorted(negative, positive, side="left")
    return float((hits / (hits + false_alarms)).mean())
