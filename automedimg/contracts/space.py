"""The search space of a component: plain data, in Optuna's own distributions."""

from __future__ import annotations

from abc import ABC
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


class Component(ABC):  # noqa: B024 - what it may override has a default
    """What backbones and heads have in common: parameters that a user may fix."""

    def accept(self, name: str, value: Any) -> Any:
        """Take a value that is none of a categorical parameter's choices, because a user fixed it.

        A search draws from the choices alone. Override this where more makes sense, such as any
        sizes of layers written as text. What other parameters are alive for (`When`) is compared
        with what this returns.

        Args:
            name: Of the parameter.
            value: Text as the user wrote it, or what a script passed.
        Returns:
            The value as `build` takes it: text, a number or a bool.
        Raises:
            ValueError: it can't be taken. The message says what can, beside the choices, as it
                stands after "or": "whole numbers with hyphens between them". Empty: nothing.
        """
        del name, value
        raise ValueError


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
