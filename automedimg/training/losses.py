"""What training makes small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from automedimg.errors import ConfigurationError
from automedimg.training.parameters import LOSSES

_NOT_THIS_CLASS = -1e9
"""Stands for a log probability of 0: its exponential is exactly 0 in float32."""


class FocalCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy that looks past the images that are right already.

    Each image's cross-entropy is weighed by ``(1 - p) ** gamma``, where p is the softmax
    probability of its own class; with gamma 0 it is cross-entropy. The class weights of the
    equation come as sample weights.

    Args:
        gamma: At least 0; the higher, the less easy images count.
        name: Of the loss.
        **rest: As for any Keras loss.

    Input shape: one-hot targets and logits, both (N, K) with K >= 2.
    Output shape: (N,) before reduction.
    Source: Lin et al. (2017), Focal Loss for Dense Object Detection, ICCV, equation 5, with the
        softmax in place of the sigmoid.
    """

    def __init__(self, gamma: float = 2.0, name: str = "focal_crossentropy", **rest: Any) -> None:
        super().__init__(name=name, **rest)
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each image."""
        logits = ops.convert_to_tensor(y_pred)
        targets = ops.cast(y_true, logits.dtype)
        log_probabilities = ops.log_softmax(logits, axis=-1)
        log_right = ops.sum(targets * log_probabilities, axis=-1)
        # 1 - p as the sum of the other probabilities, by their logarithms: neither it nor the
        # gradient of its power loses digits, or divides by 0, where p is nearly 1.
        others = ops.where(targets > 0, _NOT_THIS_CLASS, log_probabilities)
        log_wrong = ops.logsumexp(others, axis=-1)
        return -ops.exp(self.gamma * log_wrong) * log_right

    def get_config(self) -> dict[str, Any]:
        """What it is made of, for Keras to save."""
        return {**super().get_config(), "gamma": self.gamma}


class OneAgainstRest(keras.losses.Loss):  # type: ignore[misc]
    """Binary cross-entropy: each class is a yes-or-no question, answered by its probability.

    The mean over the classes, of softmax probabilities against one-hot targets. For two classes it
    is the cross-entropy; for more, a wrong class costs by itself, not only what the right one
    lacks.

    Args:
        name: Of the loss.
        **rest: As for any Keras loss.

    Input shape: one-hot targets and logits, both (N, K) with K >= 2.
    Output shape: (N,) before reduction.
    """

    def __init__(self, name: str = "one_against_rest", **rest: Any) -> None:
        super().__init__(name=name, **rest)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each image."""
        logits = ops.convert_to_tensor(y_pred)
        targets = ops.cast(y_true, logits.dtype)
        log_yes = ops.log_softmax(logits, axis=-1)
        # 1 - p as the sum of the other probabilities, by their logarithms, as in focal loss.
        own = ops.eye(logits.shape[-1])
        others = ops.where(own > 0, _NOT_THIS_CLASS, ops.expand_dims(log_yes, 1))
        log_no = ops.logsumexp(others, axis=-1)
        return -ops.mean(targets * log_yes + (1.0 - targets) * log_no, axis=-1)


def make_loss(chosen: Mapping[str, Any]) -> keras.losses.Loss:
    """Make the loss that a trial chose: of logits, against one-hot targets.

    Args:
        chosen: ``loss`` counts, crossentropy where it is missing; and ``focal_gamma``.
    Raises:
        ConfigurationError: an unknown loss.
    """
    kind = chosen.get("loss", "crossentropy")
    if kind == "crossentropy":
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    if kind == "focal":
        return FocalCrossentropy(chosen["focal_gamma"])
    if kind == "binary_crossentropy":
        return OneAgainstRest()
    raise ConfigurationError(f"unknown loss `{kind}`; expected one of {', '.join(LOSSES)}")
