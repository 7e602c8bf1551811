"""Checks of what is to be scored."""

from __future__ import annotations

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray, Metric
from automedimg.errors import DataError, MetricUndefinedError


def check_predictions(y_true: IntArray, y_prob: FloatArray, groups: IntArray | None = None) -> None:
    """Refuse predictions that a metric could score without having a meaning.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K).
        groups: int array, shape (N,); None where they play no part.
    Raises:
        DataError: there are no images, the shapes disagree, a label is outside [0, K), or a
            probability is NaN or infinite.
    """
    if y_prob.ndim != 2 or y_true.shape != y_prob.shape[:1] or not y_true.size:
        raise DataError(
            f"labels of shape {y_true.shape} and probabilities of shape {y_prob.shape} "
            "don't go together; expected (N,) and (N, K), N at least 1"
        )
    if groups is not None and groups.shape != y_true.shape:
        raise DataError(f"{groups.shape} groups for {y_true.shape} images; expected one an image")
    lowest, highest = int(y_true.min()), int(y_true.max())
    if lowest < 0 or highest >= y_prob.shape[1]:
        raise DataError(
            f"labels from {lowest} to {highest}; expected 0 to {y_prob.shape[1] - 1}, "
            "the columns of the probabilities"
        )
    if not np.isfinite(y_prob).all():
        raise DataError(
            "the model's probabilities contain NaN or infinity",
            hint="its training diverged; try a lower learning rate",
        )


def score_or_none(metric: Metric, y_true: IntArray, y_prob: FloatArray) -> float | None:
    """Return the metric's value, or None where it has none for these labels.

    Args:
        metric: The metric.
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K).
    Returns:
        A finite number or None; a plugin's NaN counts as undefined.
    """
    try:
        value = float(metric(y_true, y_prob))
    except MetricUndefinedError:
        return None
    # A plugin's metric that nobody asked for must not cost a trial or the verdict; the one that
    # selects is called directly, and its errors are heard there.
    except Exception:  # noqa: BLE001
        return None
    return value if np.isfinite(value) else None
