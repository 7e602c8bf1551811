"""The losses of `losses`, and their slopes, in plain NumPy: of logits, against one-hot targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from automedimg.training.stack import Floats

LossSlope: TypeAlias = Callable[[Floats, Floats, Floats], tuple[float, Floats]]
"""Logits (N, K), targets (N, K), weights (N,) to the mean of the weighted losses, and its
derivative by the logits, (N, K)."""


def make_loss_slope(chosen: Mapping[str, Any]) -> LossSlope | None:
    """The loss that a trial chose; None if there is none of this name here.

    Args:
        chosen: As for `losses.make_loss`.
    """
    kind = chosen.get("loss", "crossentropy")
    if kind == "crossentropy":
        return crossentropy
    if kind == "focal":
        gamma = np.float32(chosen["focal_gamma"])
        return lambda logits, targets, weights: focal(logits, targets, weights, gamma)
    if kind == "binary_crossentropy":
        return one_against_rest
    return None


def crossentropy(logits: Floats, targets: Floats, weights: Floats) -> tuple[float, Floats]:
    """Cross-entropy of the softmax."""
    logs = _log_softmax(logits)
    share = weights / np.float32(len(logits))
    losses = -(targets * logs).sum(axis=1)
    slope = (np.exp(logs) - targets) * share[:, None]
    return float(losses @ share), slope


def focal(
    logits: Floats, targets: Floats, weights: Floats, gamma: np.float32
) -> tuple[float, Floats]:
    """Cross-entropy times the gamma-th power of what all other classes have.

    Source: Lin et al. (2017), Focal Loss for Dense Object Detection, ICCV, equation 5; with p the
    right class's probability and w = 1 - p, the derivative by a logit z is
    (gamma w^(gamma-1) p log(p) - w^gamma) (target - softmax(z)).
    """
    logs = _log_softmax(logits)
    shares = np.exp(logs)
    log_right = (targets * logs).sum(axis=1)
    wrong = ((1.0 - targets) * shares).sum(axis=1)
    right = np.exp(log_right)
    # Where nothing is wrong, nothing is left to learn; its power below 0 would be infinite.
    safe = np.maximum(wrong, np.float32(1e-30))
    power = safe**gamma
    steep = gamma * (power / safe) * right * log_right - power
    share = weights / np.float32(len(logits))
    slope = (steep * share)[:, None] * (targets - shares)
    return float(-(power * log_right) @ share), slope.astype(np.float32, copy=False)


def one_against_rest(logits: Floats, targets: Floats, weights: Floats) -> tuple[float, Floats]:
    """Mean over the classes of the binary cross-entropy of each one's softmax probability.

    With p the probabilities and j a wrong class, the derivative of -log(1 - p_j) by logit j is
    p_j, and by another logit i it is -p_j p_i / (1 - p_j), in which p_i / (1 - p_j) is at most 1.
    """
    num, classes = logits.shape
    log_yes = _log_softmax(logits)
    shares = np.exp(log_yes)
    # [n, j, i]: log p_i of all classes but j.
    others = np.repeat(log_yes[:, None, :], classes, axis=1)
    others[:, np.arange(classes), np.arange(classes)] = -np.inf
    top = others.max(axis=2, keepdims=True)
    log_no = top[:, :, 0] + np.log(np.exp(others - top).sum(axis=2))
    wrong = 1.0 - targets
    losses = -(targets * log_yes + wrong * log_no).mean(axis=1)
    right = shares * targets.sum(axis=1, keepdims=True) - targets
    ratios = np.exp(others - log_no[:, :, None])
    pushed = np.matmul((wrong * shares)[:, None, :], ratios)[:, 0, :]
    share = weights / np.float32(num * classes)
    slope = (right + wrong * shares - pushed) * share[:, None]
    return float(losses @ weights / np.float32(num)), slope.astype(np.float32, copy=False)


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
