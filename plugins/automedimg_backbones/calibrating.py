"""From decision values of a support vector machine to probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from automedimg_backbones.fitting import Doubles, good_enough

Ints = npt.NDArray[np.int64]

FOLDS = 3
"""Parts of the training images; each gets decision values from a fit to the others."""


def deal_folds(labels: Ints, groups: Ints | None, seed: int) -> list[tuple[Ints, Ints]]:
    """Deal rows to folds: no group is torn apart, and each fold has its share of each class.

    Args:
        labels: (N,).
        groups: (N,), or None.
        seed: Of the order.
    Returns:
        The rows to fit to and those held out, of each fold; a fold whose fit would miss a class is
        left out. Empty where a class has too few rows or groups.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    classes = np.unique(labels)
    if groups is None:
        least = min(int((labels == k).sum()) for k in classes)
        kind = StratifiedKFold
    else:
        least = min(len(np.unique(groups[labels == k])) for k in classes)
        kind = StratifiedGroupKFold
    if least < 2:
        return []
    folds = kind(min(FOLDS, least), shuffle=True, random_state=seed)
    dealt = folds.split(np.zeros(len(labels)), labels, groups)
    return [(fit, held) for fit, held in dealt if len(np.unique(labels[fit])) == len(classes)]


def held_out(
    labels: Ints,
    groups: Ints | None,
    seed: int,
    decide: Callable[[Ints, Ints], Doubles],
) -> tuple[Doubles, Ints]:
    """Decision values of rows by fits that have not seen them.

    Args:
        labels: (N,).
        groups: (N,), or None.
        seed: Of the folds.
        decide: Fits to rows, and returns the decision values of others, (M, P).
    Returns:
        Decision values (M, P) and the labels they belong to, (M,). Where too little can be held
        out, those of a fit to everything: they are too sure of themselves.
    """
    folds = deal_folds(labels, groups, seed)
    held = np.concatenate([held for _, held in folds]) if folds else np.empty(0, np.int64)
    if not np.array_equal(np.unique(labels[held]), np.unique(labels)):
        everything = np.arange(len(labels))
        return decide(everything, everything), labels
    return np.concatenate([decide(fit, held) for fit, held in folds]), labels[held]


def calibrate(decisions: Doubles, labels: Ints, weight: str | None) -> tuple[Doubles, Doubles]:
    """Fit logits that are linear in decision values.

    The targets are not quite 0 and 1: where decision values part the classes, the slope would have
    no bound. For two classes that is Platt's method, for more its like with a softmax.
    Source: Platt (1999), Probabilistic Outputs for Support Vector Machines; Lin, Lin & Weng (2007).

    Args:
        decisions: (M, P).
        labels: (M,), in [0, k), each of which occurs.
        weight: ``balanced``, or None.
    Returns:
        Kernel (P, k) and bias (k,); of two classes (P, 1) and (1,), for the second one.
    """
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(labels)
    num, sure = len(counts), (counts + 1.0) / (counts + 2.0)
    targets = np.repeat(np.arange(num), len(labels))
    own = targets == np.tile(labels, num)
    shares = np.where(own, np.tile(sure[labels], num), np.tile(1 - sure[labels], num) / (num - 1))
    if weight is not None:
        shares *= np.tile(len(labels) / (num * counts[labels]), num)
    spread = np.maximum(decisions.std(axis=0), 1e-12)
    model = LogisticRegression(C=10.0, max_iter=1000)
    with good_enough():
        model.fit(np.tile(decisions / spread, (num, 1)), targets, sample_weight=shares)
    return model.coef_.T / spread[:, None], model.intercept_
