"""What the fitted heads share: standardisation, class weights, logits of all classes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

ABSENT = -100.0
"""Logit of a class that the training images lack."""

CLASS_WEIGHT = CategoricalDistribution(("none", "balanced"))
"""``balanced`` weighs classes inversely to their frequency."""


class Scaling(NamedTuple):
    """How features are centred and scaled: (x - mean) * scale, both (D,)."""

    mean: Floats
    scale: Floats


def standardise(features: Floats, *, together: bool = False) -> Scaling:
    """Scale features to variance 1, and do so in place.

    Args:
        features: (N, D); they are overwritten.
        together: Whether all get one scale, which keeps their proportions; else each its own.
    Returns:
        What was done. A feature that is constant is left unscaled.
    """
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    features -= mean
    variance = np.einsum("nd,nd->d", features, features, dtype=np.float64) / len(features)
    if together:
        variance[:] = variance.mean()
    # What varies by less than rounding does not vary.
    noise = (np.abs(mean) * np.finfo(np.float32).eps * 4.0) ** 2
    deviation = np.sqrt(np.where(variance > noise, variance, 1.0))
    scale = (1.0 / deviation).astype(np.float32)
    features *= scale
    return Scaling(mean, scale)


def class_weight(values: Mapping[str, Any]) -> str | None:
    """What scikit-learn calls the class weight of these values."""
    return None if values["class_weight"] == "none" else "balanced"


def all_classes(
    kernel: Doubles, bias: Doubles, classes: npt.NDArray[np.int64], num_classes: int
) -> tuple[Doubles, Doubles]:
    """Complete logits that scikit-learn has fitted to (N, K).

    Args:
        kernel: (D, k), of k = `len(classes)` logits; (D, 1) where of two classes only the second
            one has a logit.
        bias: (k,) or (1,).
        classes: The classes that occur, ascending.
        num_classes: K.
    Returns:
        Kernel (D, K) and bias (K,).
    """
    if kernel.shape[1] < len(classes):
        # Half to either side: what speaks for the first class is read off its own logit, too.
        kernel = np.concatenate([-kernel / 2, kernel / 2], axis=1)
        bias = np.concatenate([-bias / 2, bias / 2])
    whole, offset = np.zeros((len(kernel), num_classes)), np.full(num_classes, ABSENT)
    whole[:, classes], offset[classes] = kernel, bias
    return whole, offset


@contextmanager
def good_enough() -> Iterator[None]:
    """Take what a solver has come to when its steps are over: it is scored like anything else."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
