"""Which class is taken for which."""

from __future__ import annotations

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import DataError
from automedimg.evaluation.predictions import check_predictions


def confusion_matrix(y_true: IntArray, y_prob: FloatArray, num_classes: int) -> IntArray:
    """Count images by true and called class.

    The called class is the most probable one; of equals, the lower.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K).
        num_classes: K.
    Returns:
        int array, shape (K, K): row is the true class, column the called one.
    Raises:
        DataError: the arrays don't fit together or `y_prob` has not `num_classes` columns.
    """
    check_predictions(y_true, y_prob)
    if y_prob.shape[1] != num_classes:
        raise DataError(f"probabilities of {y_prob.shape[1]} classes; expected {num_classes}")
    cells = y_true * num_classes + np.argmax(y_prob, axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
