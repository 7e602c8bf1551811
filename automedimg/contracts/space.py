"""The search space of a component: plain data, in Optuna's own distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, slots=True)
class When:
    """A parameter that exists only while another one has certain values.

    Args:
        parent: Name of a parameter of the same component, declared earlier.
        values: The parent's values that bring this parameter to life.
        distribution: What it is drawn from then.
    """

    parent: str
    values: tuple[Any, ...]
    distribution: BaseDistribution


Space: TypeAlias = "Mapping[str, BaseDistribution | When]"
"""Parameter name -> distribution, e.g. ``{"units": IntDistribution(32, 512, log=True)}``."""


def distribution_of(entry: BaseDistribution | When) -> BaseDistribution:
    """The distribution of a space's entry, whether it is conditional or not."""
    return entry.distribution if isinstance(entry, When) else entry


def is_active(entry: BaseDistribution | When, chosen: Mapping[str, Any]) -> bool:
    """Whether a space's entry is alive, given the values chosen before it."""
    return not isinstance(entry, When) or chosen.get(entry.parent) in entry.values
