"""Which images an epoch shows, and in what order: a function of the seed and the epoch."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from automedimg.contracts import IntArray
from automedimg.errors import ConfigurationError

Sampling = Literal["none", "oversample", "undersample"]
"""Every image once; every class as often as the largest one; as often as the smallest one."""

SAMPLINGS: tuple[str, ...] = get_args(Sampling)


def epoch_size(labels: IntArray, sampling: str) -> int:
    """Number of images that an epoch shows; the same for every epoch.

    Args:
        labels: Class of each training image, int64 (N,).
        sampling: One of `SAMPLINGS`.
    Raises:
        ConfigurationError: an unknown sampling.
    """
    if sampling not in SAMPLINGS:
        raise ConfigurationError(
            f"unknown sampling `{sampling}`; expected one of {', '.join(SAMPLINGS)}"
        )
    if sampling == "none":
        return len(labels)
    _, counts = np.unique(labels, return_counts=True)
    return len(counts) * _per_class(counts, sampling)


def draw_epoch(labels: IntArray, sampling: str, seed: int, epoch: int) -> IntArray:
    """Draw the images of one epoch, shuffled.

    A class that is cut shows another part of itself each epoch. A class that is repeated shows
    each of its images equally often, give or take once; which ones more often is drawn anew.

    Args:
        labels: Class of each training image, int64 (N,).
        sampling: One of `SAMPLINGS`.
        seed: Of the trial.
        epoch: Counted from 0.
    Returns:
        Positions in `labels`, int64 (E,), E being the `epoch_size`.
    Raises:
        ConfigurationError: an unknown sampling.
    """
    size = epoch_size(labels, sampling)
    rng = np.random.default_rng((seed, epoch))
    if sampling == "none":
        return rng.permutation(size)
    classes = np.unique(labels)
    drawn = [_draw(np.flatnonzero(labels == k), size // len(classes), rng) for k in classes]
    return rng.permutation(np.concatenate(drawn))


def _per_class(counts: IntArray, sampling: str) -> int:
    return int(counts.max() if sampling == "oversample" else counts.min())


def _draw(members: IntArray, number: int, rng: np.random.Generator) -> IntArray:
    """Draw a number of images of a class, going round it as often as is needed."""
    rounds, rest = divmod(number, len(members))
    extra = rng.choice(members, rest, replace=False)
    return np.concatenate([np.tile(members, rounds), extra])
