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


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a whole search, as a strategy sees it.

    Args:
        name: Its name in the ledger, e.g. ``mobilenetv2.alpha``.
        distribution: What it is drawn from.
        when: Alternatives; it exists where one of them holds. Each maps names of parameters, which
            stand before this one in the search's list, to the values that they must have. Empty:
            it always exists.
    """

    name: str
    distribution: BaseDistribution
    when: tuple[Mapping[str, tuple[Any, ...]], ...] = ()

    def active(self, chosen: Mapping[str, Any]) -> bool:
        """Whether it exists, given the values of those before it by ledger name."""
        return not self.when or any(
            all(chosen.get(name) in values for name, values in way.items()) for way in self.when
        )


def distribution_of(entry: BaseDistribution | When) -> BaseDistribution:
    """The distribution of a space's entry, whether it is conditional or not."""
    return entry.distribution if isinstance(entry, When) else entry


def is_active(entry: BaseDistribution | When, chosen: Mapping[str, Any]) -> bool:
    """Whether a space's entry is alive, given the values chosen before it."""
    return not isinstance(entry, When) or chosen.get(entry.parent) in entry.values
