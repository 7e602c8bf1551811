"""Precision, recall and F1 of each class, and their averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import DataError

AVERAGES = ("micro", "macro", "weighted")


@dataclass(frozen=True, slots=True)
class ClassScores:
    """A row of the table.

    Args:
        name: The class, or an average: ``micro``, ``macro`` or ``weighted``.
        precision: Share of the calls of this class that are right; 0 where there are none.
        recall: Share of its images that are found; 0 where there are none.
        f1: Their harmonic mean; 0 where both are.
        images: Images of the class; of all for an average.
    """

    name: str
    precision: float
    recall: float
    f1: float
    images: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


def per_class_scores(confusion: IntArray, names: Sequence[str]) -> list[ClassScores]:
    """A row for each class, then the micro, macro and weighted averages.

    Micro counts images: with one class an image its three values are the accuracy. Macro is the
    plain mean over the classes, weighted the mean by their numbers of images.

    Args:
        confusion: int array, shape (K, K): row is the true class, column the called one.
        names: Of the K classes.
    Raises:
        DataError: the table is not of that shape, or empty.
    Source: Sokolova & Lapalme (2009), Information Processing & Management 45.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.shape != (len(names), len(names)) or not counts.sum():
        raise DataError(
            f"a confusion matrix of shape {counts.shape} with {counts.sum():.0f} images; expected "
            f"({len(names)}, {len(names)}) and at least one"
        )
    hits, sizes, calls = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    precision, recall, f1 = (
        _share(hits, calls),
        _share(hits, sizes),
        _share(2 * hits, sizes + calls),
    )
    total = int(sizes.sum())
    rows = [
        ClassScores(name, float(precision[k]), float(recall[k]), float(f1[k]), int(sizes[k]))
        for k, name in enumerate(names)
    ]
    accuracy = float(hits.sum() / total)
    rows.append(ClassScores("micro", accuracy, accuracy, accuracy, total))
    for name, weights in (("macro", np.ones(len(names))), ("weighted", sizes)):
        p, r, f = (float(np.average(each, weights=weights)) for each in (precision, recall, f1))
        rows.append(ClassScores(name, p, r, f, total))
    return rows


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(part / np.maximum(whole, 1e-300) * (whole > 0))
