"""What a metric plugin provides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.contracts.source import Source

IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]
Metric: TypeAlias = Callable[[IntArray, FloatArray], float]
"""``metric(y_true, y_prob)``: int labels (N,) in [0, K), probabilities (N, K), rows sum to 1."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric as it is listed by ``automedimg plugins``.

    Args:
        name: Lower case, digits, underscores.
        summary: One line.
        factory: Returns the `Metric`.
        direction: Whether more or less is better.
        label: How a table's head calls it, e.g. ``AUC``.
        low: Smallest possible value; None where unbounded.
        high: Largest possible value; None where unbounded.
        source: Paper and equation.
    """

    name: str
    summary: str
    factory: Callable[[], Metric]
    direction: Literal["maximize", "minimize"] = "maximize"
    label: str = ""
    low: float | None = 0.0
    high: float | None = 1.0
    source: Source | None = None
