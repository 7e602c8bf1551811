"""Cohen's kappa."""

import numpy as np
from automedimg.contracts import FloatArray, IntArray
from automedimg.errors import MetricUndefinedError


def kappa(y_true: IntArray, y_prob: FloatArray) -> float:
    """How much more often the called class is the true one than chance would have it.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1. The called class is the most probable.
    Returns:
        Value in [-1, 1]; 0 is chance; higher is better.
    Raises:
        MetricUndefinedError: one class is both all that is true and all that is called.
    Source: Cohen (1960), Educ. Psychol. Meas. 20:37-46.
    """
    num_classes = y_prob.shape[1]
    called = y_prob.argmax(axis=1)
    true_share = np.bincount(y_true, minlength=num_classes) / len(y_true)
    called_share = np.bincount(called, minlength=num_classes) / len(y_true)
    agreement = float(np.mean(called == y_true))
    by_chance = float(true_share @ called_share)
    if np.isclose(by_chance, 1.0):
        raise MetricUndefinedError("kappa has no value where there is one class only")
    return (agreement - by_chance) / (1.0 - by_chance)
