"""Fit a head to a frozen backbone's features at once: all that there is of a trial's training."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import FittedHead, FloatArray, IntArray, Metric
from automedimg.training.batches import softmax
from automedimg.training.beside import Rows
from automedimg.training.outcome import Fit, TrialFailureError
from automedimg.training.talk import Talk
from automedimg.training.trial_data import Side
from automedimg.training.watch import _log_loss

FITTED_BYTES = 256 * 2**20
"""Features that are held in memory for a fit. Where there are more, as many rows are drawn."""

APPLIED = 256
"""Rows that a fitted head is applied to at once."""

SCORED = 5_000
"""Most training rows that the loss is measured on."""


def draw_rows(num: int, width: int, seed: int, views: int = 1) -> IntArray:
    """Places of the rows that a fit sees, int64, ascending: all of them, unless they are too many.

    Args:
        num: How many there are.
        width: D.
        seed: Of the draw.
        views: How many times each row counts.
    """
    most = max(1, FITTED_BYTES // (4 * width * views))
    if num <= most:
        return np.arange(num, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(num, most, replace=False)).astype(np.int64)


def fit_head(
    head: FittedHead,
    features: Rows,
    views: Sequence[Rows],
    train: Side,
    num_classes: int,
    values: Mapping[str, Any],
    seed: int,
) -> keras.Model:
    """Fit a head to the training images.

    Args:
        head: To be fitted.
        features: By row of the pixel cache, float32 (R, D).
        views: Features of changed training images, (N, D) each, in the order of `train`.
        train: The training images.
        num_classes: K.
        values: Of the head's active parameters.
        seed: Of the trial.
    Returns:
        Features (N, D) to logits (N, K).
    """
    drawn = draw_rows(len(train.rows), features.shape[1], seed, 1 + len(views))
    shown = [features[train.rows[drawn]], *(view[drawn] for view in views)]
    groups = None if train.groups is None else train.groups[drawn]
    if groups is None and views:
        groups = drawn  # the views of an image are no images of their own
    return head.fit(
        np.concatenate(shown).astype(np.float32, copy=False),
        np.tile(train.labels[drawn], len(shown)),
        None if groups is None else np.tile(groups, len(shown)),
        num_classes,
        values,
        seed,
    )


def score_head(
    model: keras.Model,
    features: Rows,
    train: Side,
    validation: Side,
    metric: Metric,
    talk: Talk,
    start: float,
) -> Fit:
    """Score a fitted head, and report it as the one epoch that it has.

    Args:
        model: Features (N, D) to logits (N, K).
        features: By row of the pixel cache.
        train: Its log loss is the epoch's loss.
        validation: What is scored.
        metric: How.
        talk: Hears of the epoch.
        start: When the fit began, on the monotonic clock.
    Raises:
        TrialFailureError: a probability or the score is not finite.
    """
    every = -(-len(train.rows) // SCORED)
    known = apply_head(model, features, train.rows[::every], talk)
    y_prob = apply_head(model, features, validation.rows, talk)
    if not (np.isfinite(known).all() and np.isfinite(y_prob).all()):
        raise TrialFailureError("not a number: the fitted head's probabilities")
    value = float(metric(validation.labels, y_prob))
    if not math.isfinite(value):
        raise TrialFailureError("not a number: the metric")
    row = {
        "epoch": 1,
        "seconds": round(time.monotonic() - start, 3),
        "loss": _log_loss(train.labels[::every], known),
        "value": value,
        "val_log_loss": _log_loss(validation.labels, y_prob),
    }
    decision = talk.epoch({**row, "epochs": 1})
    return Fit([row], 1, y_prob, "pruned" if decision == "prune" else "epochs")


def apply_head(model: keras.Model, features: Rows, rows: IntArray, talk: Talk) -> FloatArray:
    """Probabilities of rows, float64 (N, K). The model is called as it is: tracing costs more."""
    found: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(rows), APPLIED):
        logits = model(features[rows[start : start + APPLIED]], training=False)
        found.append(np.asarray(keras.ops.convert_to_numpy(logits), dtype=np.float32))
        talk.alive()
    return softmax(np.concatenate(found))
