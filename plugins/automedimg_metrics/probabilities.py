"""Metrics of the probabilities themselves."""

from __future__ import annotations

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg_metrics.decisions import decide
from automedimg_metrics.inputs import num_classes

NUM_BINS = 15
_INNER_EDGES = np.arange(1, NUM_BINS) / NUM_BINS
_SMALLEST = float(np.finfo(np.float64).eps)


def log_loss(y_true: IntArray, y_prob: FloatArray) -> float:
    """Mean negative natural logarithm of the true class's probability.

    Probabilities are raised to 2.2e-16 first, so that one image that was called impossible costs
    36, not infinity.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value from 0 up; lower is better; log(K) for a uniform guess.
    Raises:
        MetricUndefinedError: there are no images, or a probability is not finite.
    Source: Good (1952), J. R. Stat. Soc. B 14.
    """
    num_classes(y_true, y_prob)
    of_truth = y_prob[np.arange(len(y_true)), y_true]
    return -float(np.log(np.clip(of_truth, _SMALLEST, 1.0)).mean())


def brier(y_true: IntArray, y_prob: FloatArray) -> float:
    """Mean squared error of the probabilities.

    Two classes: of the second class's probability, in [0, 1]. More: summed over the classes, in
    [0, 2]. The sum over two classes would be twice the first form, which is the one in use.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1], or [0, 2] for more than two classes; lower is better.
    Raises:
        MetricUndefinedError: there are no images, or a probability is not finite.
    Source: Brier (1950), Mon. Weather Rev. 78.
    """
    if num_classes(y_true, y_prob) == 2:
        residual = y_prob[:, 1] - y_true
    else:
        residual = y_prob.copy()
        residual[np.arange(len(y_true)), y_true] -= 1.0
    return float(np.square(residual).sum()) / len(y_true)


def ece(y_true: IntArray, y_prob: FloatArray) -> float:
    """Expected calibration error of the most probable class.

    Images fall into 15 bins of equal width, (0, 1/15] ... (14/15, 1], by the probability of the
    class they are called. The error is the mean gap, weighted by images, between a bin's mean
    probability and the share of it that is right. Few images a bin bias it upwards.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        Value in [0, 1]; lower is better.
    Raises:
        MetricUndefinedError: there are no images, or a probability is not finite.
    Source: Guo et al. (2017), ICML, equation 3.
    """
    columns = num_classes(y_true, y_prob)
    # numpy's maximum along rows of two takes twenty times as long as that of two columns.
    confidence = np.maximum(y_prob[:, 0], y_prob[:, 1]) if columns == 2 else y_prob.max(axis=1)
    excess = confidence - (decide(y_prob) == y_true)
    bins = np.searchsorted(_INNER_EDGES, confidence, side="left")
    # The bin's size cancels: its weight is size / N, and its gap is the summed excess / size.
    return float(np.abs(np.bincount(bins, weights=excess)).sum()) / len(y_true)
