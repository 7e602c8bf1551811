"""Metrics of the decision: the most probable class, which for two classes is threshold 0.5."""

from __future__ import annotations

import math

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import MetricUndefinedError
from automedimg_metrics.inputs import num_classes, require_every_class


def accuracy(y_true: IntArray, y_prob: FloatArray) -> float:
    """Share of images whose most probable class is the true one.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better.
    Raises:
        MetricUndefinedError: there are no images, or a probability is not finite.
    Source: common usage; no single paper.
    """
    num_classes(y_true, y_prob)
    return int(np.count_nonzero(decide(y_prob) == y_true)) / len(y_true)


def balanced_accuracy(y_true: IntArray, y_prob: FloatArray) -> float:
    """Mean over the classes of the share of a class that is found.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better; 1/K without skill.
    Raises:
        MetricUndefinedError: a class is absent from `y_true`, or a probability is not finite.
    Source: Brodersen et al. (2010), ICPR.
    """
    counts = _counts(y_true, y_prob)
    sizes = counts.sum(axis=1)
    require_every_class(sizes, "balanced accuracy")
    return float((counts.diagonal() / sizes).mean())


def sensitivity(y_true: IntArray, y_prob: FloatArray) -> float:
    """Share of the positives that are found (recall).

    Two classes: the second is the positive one. More: the mean over the classes, which is then
    the balanced accuracy.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better.
    Raises:
        MetricUndefinedError: a class (of two: the second) is absent from `y_true`, or a
            probability is not finite.
    Source: Yerushalmy (1947), Public Health Reports 62.
    """
    counts = _counts(y_true, y_prob)
    sizes = _of_interest(counts.sum(axis=1))
    require_every_class(sizes, "sensitivity")
    return float((_of_interest(counts.diagonal()) / sizes).mean())


def specificity(y_true: IntArray, y_prob: FloatArray) -> float:
    """Share of the negatives that are not called positive.

    Two classes: the second is the positive one. More: the mean over one class against the rest.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better.
    Raises:
        MetricUndefinedError: no image is negative (for more than two classes: all images are of
            one class), or a probability is not finite.
    Source: Yerushalmy (1947), Public Health Reports 62.
    """
    counts = _counts(y_true, y_prob)
    negatives = _of_interest(len(y_true) - counts.sum(axis=1))
    if not negatives.all():
        raise MetricUndefinedError("specificity has no value: no image is negative")
    false_alarms = _of_interest(counts.sum(axis=0) - counts.diagonal())
    return float((1.0 - false_alarms / negatives).mean())


def precision(y_true: IntArray, y_prob: FloatArray) -> float:
    """Share of the positive calls that are right (positive predictive value).

    Two classes: the second is the positive one. More: the mean over the classes. A class that is
    never called has precision 0.0, as with scikit-learn's ``zero_division=0``: a classifier must
    not escape a bad score by calling nothing.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better.
    Raises:
        MetricUndefinedError: there are no images, or a probability is not finite.
    Source: common usage; no single paper.
    """
    counts = _counts(y_true, y_prob)
    calls = _of_interest(counts.sum(axis=0))
    # Where there are no calls there are no hits: 0 / 1 is the 0.0 that is wanted.
    return float((_of_interest(counts.diagonal()) / np.maximum(calls, 1)).mean())


def f1(y_true: IntArray, y_prob: FloatArray) -> float:
    """Harmonic mean of precision and sensitivity.

    Two classes: of the second. More: the mean over the classes. 0.0 where nothing is found.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; higher is better.
    Raises:
        MetricUndefinedError: a class (of two: the second) is absent from `y_true`, or a
            probability is not finite.
    Source: van Rijsbergen (1979), Information Retrieval, ch. 7.
    """
    counts = _counts(y_true, y_prob)
    sizes = _of_interest(counts.sum(axis=1))
    require_every_class(sizes, "F1")
    calls = _of_interest(counts.sum(axis=0))
    return float((2.0 * _of_interest(counts.diagonal()) / (sizes + calls)).mean())


def mcc(y_true: IntArray, y_prob: FloatArray) -> float:
    """Matthews correlation coefficient of called and true class.

    0.0 where all images are called the same, as in scikit-learn: such a classifier has no skill.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [-1, 1]; higher is better; 0 without skill.
    Raises:
        MetricUndefinedError: all images are of one class, or a probability is not finite.
    Source: Matthews (1975), Biochim. Biophys. Acta 405; Gorodkin (2004) for more than two classes.
    """
    counts = _counts(y_true, y_prob)
    # Python's integers: the products below exceed 64 bits from some 50,000 images on.
    total, hits = len(y_true), int(counts.trace())
    sizes: list[int] = counts.sum(axis=1).tolist()
    calls: list[int] = counts.sum(axis=0).tolist()
    label_spread = total**2 - sum(size**2 for size in sizes)
    call_spread = total**2 - sum(call**2 for call in calls)
    if not label_spread:
        raise MetricUndefinedError("MCC has no value: all images are of one class")
    if not call_spread:
        return 0.0
    covariance = hits * total - sum(s * c for s, c in zip(sizes, calls, strict=True))
    return covariance / math.sqrt(label_spread * call_spread)


def decide(y_prob: FloatArray) -> IntArray:
    """Return the most probable class of each image; of equals, the lower one.

    Args:
        y_prob: float array, shape (N, K).
    Returns:
        int array, shape (N,).
    """
    called: IntArray = np.argmax(y_prob, axis=1)
    return called


def _counts(y_true: IntArray, y_prob: FloatArray) -> IntArray:
    """Images by true (row) and called (column) class, shape (K, K)."""
    k = num_classes(y_true, y_prob)
    return np.bincount(y_true * k + decide(y_prob), minlength=k * k).reshape(k, k)


def _of_interest(per_class: IntArray) -> IntArray:
    """Keep the positive class of two, and every class of more."""
    return per_class[1:] if len(per_class) == 2 else per_class
