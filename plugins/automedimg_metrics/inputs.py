"""What every metric here asks of its input."""

from __future__ import annotations

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import MetricUndefinedError


def num_classes(y_true: IntArray, y_prob: FloatArray) -> int:
    """Return K once the input is known to carry a score.

    A sort or an argmax accepts NaN in silence, and a diverged network would then get a finite
    score. Hence this check in every metric; it costs a few microseconds.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_prob: float array, shape (N, K), rows sum to 1.
    Returns:
        The number of columns of `y_prob`.
    Raises:
        MetricUndefinedError: there are no images, or a probability is NaN or infinite.
    """
    if not y_true.size:
        raise MetricUndefinedError("no metric has a value for 0 images")
    # A sum is finite only if its terms are; it is one pass without a temporary array.
    if not np.isfinite(y_prob.sum()):
        raise MetricUndefinedError("no metric has a value for probabilities that are not finite")
    return int(y_prob.shape[1])


def require_every_class(sizes: IntArray, metric: str) -> None:
    """Refuse labels in which a class is absent.

    Args:
        sizes: int array, images of each class that the metric needs; of two classes that may be
            the second alone.
        metric: The metric's name, for the message.
    Raises:
        MetricUndefinedError: a class has no image.
    """
    if not sizes.all():
        absent = 1 if len(sizes) == 1 else int(np.flatnonzero(sizes == 0)[0])
        raise MetricUndefinedError(f"{metric} has no value: no image is of class {absent}")
