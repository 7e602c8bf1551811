"""Distributions as axes: from the unit interval to values and back, and points for a grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from automedimg.contracts import Parameter

POINTS = 3
"""Points of a grid along a range that has more values than that: both ends and the middle."""


def from_unit(distribution: BaseDistribution, position: float) -> Any:
    """Return the value at a position in [0, 1]; equal shares of it belong to equal choices."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[_index(position, len(distribution.choices))]
    low, high = _ends(distribution)
    if _log(distribution):
        value = math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    else:
        value = low + position * (high - low)
    return nearest(distribution, value)


def to_unit(distribution: BaseDistribution, value: Any) -> float:
    """Return a position in [0, 1] that `from_unit` takes back to the value."""
    if isinstance(distribution, CategoricalDistribution):
        return (distribution.choices.index(value) + 0.5) / len(distribution.choices)
    low, high = _ends(distribution)
    if high <= low:
        return 0.5
    if _log(distribution):
        return math.log(value / low) / math.log(high / low)
    return float((value - low) / (high - low))


def nearest(distribution: BaseDistribution, value: float) -> Any:
    """Return the value of a numeric distribution that is nearest to a number."""
    kind: Any = distribution
    if kind.step is not None:
        steps = round((value - kind.low) / kind.step)
        steps = min(max(steps, 0), num_steps(distribution) - 1)
        value = kind.low + steps * kind.step
    value = min(max(value, kind.low), kind.high)
    return round(value) if isinstance(distribution, IntDistribution) else float(value)


def num_steps(distribution: BaseDistribution) -> int:
    """How many values a stepped range has."""
    kind: Any = distribution
    return int((kind.high - kind.low) / kind.step + 1e-8) + 1


def grid_points(distribution: BaseDistribution, mentioned: Iterable[Any] = ()) -> tuple[Any, ...]:
    """Return the values that a grid tries: all, or `POINTS` spread over a range.

    Args:
        distribution: A numeric one is cut evenly, on a log scale if it has one.
        mentioned: Values that must not be missed, because other parameters depend on them.
    """
    if isinstance(distribution, CategoricalDistribution):
        return tuple(dict.fromkeys(distribution.choices))
    kind: Any = distribution
    if kind.step is not None and num_steps(distribution) <= POINTS:
        values = [nearest(distribution, kind.low + i * kind.step) for i in range(POINTS)]
    else:
        values = [_between(distribution, i / (POINTS - 1)) for i in range(POINTS)]
    return tuple(sorted({*values, *mentioned}))


def random_values(
    parameters: Iterable[Parameter], draw: Callable[[], float], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Draw the parameters that are active, given values of those before them.

    Args:
        parameters: Those that others depend on first.
        draw: Returns a number in [0, 1).
        given: By ledger name.
    """
    values: dict[str, Any] = {}
    for parameter in parameters:
        position = draw()
        if parameter.active({**given, **values}):
            values[parameter.name] = from_unit(parameter.distribution, position)
    return values


def is_numeric(distribution: BaseDistribution) -> bool:
    """Whether it is a range with more than one value."""
    numeric = isinstance(distribution, FloatDistribution | IntDistribution)
    return numeric and not distribution.single()


def _between(distribution: BaseDistribution, position: float) -> Any:
    kind: Any = distribution
    if _log(distribution):
        return nearest(distribution, kind.low ** (1 - position) * kind.high**position)
    return nearest(distribution, kind.low + position * (kind.high - kind.low))


def _ends(distribution: BaseDistribution) -> tuple[float, float]:
    """The ends of a range; those of a stepped one lie half a step further out."""
    kind: Any = distribution
    if kind.step is None:
        return kind.low, kind.high
    high = kind.low + (num_steps(distribution) - 1) * kind.step
    return kind.low - kind.step / 2, high + kind.step / 2


def _log(distribution: BaseDistribution) -> bool:
    return bool(getattr(distribution, "log", False))


def _index(position: float, num: int) -> int:
    return min(int(position * num), num - 1)
