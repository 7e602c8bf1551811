"""Search spaces: are they sound, do values lie in them, and values to try."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from automedimg.contracts import Component, Space, When, distribution_of, is_active
from automedimg.testing.subject import ContractError, expect

DISTRIBUTIONS = (CategoricalDistribution, FloatDistribution, IntDistribution)


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a value can be drawn from a distribution; a number as text or a bool can't."""
    if isinstance(distribution, CategoricalDistribution):
        return any(
            type(value) is type(choice) and value == choice for choice in distribution.choices
        )
    kinds = int if isinstance(distribution, IntDistribution) else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return bool(distribution._contains(distribution.to_internal_repr(value)))


def any_values(space: Space, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a value for each active parameter: the same ones each time, and cheap ones.

    Args:
        space: A sound space.
        given: Values to keep; those of parameters that the space doesn't declare are left out.
    """
    values: dict[str, Any] = {}
    for name, entry in space.items():
        if is_active(entry, values):
            distribution = distribution_of(entry)
            values[name] = given[name] if given and name in given else _any_value(distribution)
    return values


def variants(space: Space, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield values in which one parameter at a time has each choice, or an end of its range.

    Args:
        space: A sound space.
        values: What the other parameters have, as far as they are active then.
    """
    for name, entry in space.items():
        for value in _extremes(distribution_of(entry)):
            given, ancestor = {**values, name: value}, entry
            while isinstance(ancestor, When):
                if given.get(ancestor.parent) not in ancestor.values:
                    given[ancestor.parent] = ancestor.values[0]
                ancestor = space[ancestor.parent]
            yield any_values(space, given)


def expect_sound_space(space: Any, what: str) -> None:
    """Check that a space is one: plain names, Optuna's distributions, parents before children.

    Args:
        space: What a component declared.
        what: Names it in an error.
    Raises:
        ContractError: it isn't sound.
    """
    expect(isinstance(space, Mapping), what, type(space).__name__, "a mapping")
    for index, (name, entry) in enumerate(space.items()):
        plain = isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]*", name)
        expect(plain, what, f"a parameter {name!r}", "lower case, digits and underscores")
        where = f"{what}, `{name}`"
        if isinstance(entry, When):
            _expect_sound_condition(entry, dict(list(space.items())[:index]), where)
        expected = "a categorical, int or float distribution of Optuna's, or a `When` of one"
        expect(isinstance(distribution_of(entry), DISTRIBUTIONS), where, repr(entry), expected)


def expect_in_space(values: Mapping[str, Any], space: Space, what: str) -> None:
    """Check that values belong to declared parameters and lie in their distributions.

    Raises:
        ContractError: one doesn't.
    """
    expect(isinstance(values, Mapping), what, repr(values), "a mapping")
    for name, value in values.items():
        expect(name in space, what, f"a value of `{name}`", f"only {', '.join(space) or 'nothing'}")
        distribution = distribution_of(space[name])
        in_range = contains(distribution, value)
        expect(in_range, f"{what}, `{name}`", repr(value), f"a value of {distribution}")


def expect_refuses_nonsense(component: Component, space: Space) -> None:
    """Check that `accept` answers nonsense with a `ValueError`, for each choice that there is.

    Raises:
        ContractError: it takes it, or raises something else.
    """
    nonsense = "~ this is no value of anything ~"
    for name, entry in space.items():
        if not isinstance(distribution_of(entry), CategoricalDistribution):
            continue
        what = f"accept, `{name}`"
        try:
            taken = component.accept(name, nonsense)
        except ValueError:
            continue
        except Exception as error:
            received = f"{type(error).__name__}: {error}"
            raise ContractError(f"{what}: got {received}, expected a ValueError") from error
        expect(False, what, f"{taken!r} of {nonsense!r}", "a ValueError")


def _expect_sound_condition(entry: When, earlier: Space, where: str) -> None:
    declared = f"a parameter declared earlier ({', '.join(earlier) or 'there is none'})"
    expect(entry.parent in earlier, f"{where}, parent", repr(entry.parent), declared)
    values = f"{where}, values"
    expect(entry.values, values, repr(entry.values), "at least one value of the parent")
    parent = distribution_of(earlier[entry.parent])
    for value in entry.values:
        expect(contains(parent, value), values, repr(value), f"a value of {parent}")


def _extremes(distribution: BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    ends: Any = distribution
    return (ends.low, ends.high)


def _any_value(distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    if isinstance(distribution, IntDistribution):
        return distribution.low  # of layers, units, filters: the fastest to build
    if not isinstance(distribution, FloatDistribution):
        raise TypeError(f"got {distribution!r}, expected one of Optuna's three distributions")
    low, high, step = distribution.low, distribution.high, distribution.step
    if distribution.log:
        return math.sqrt(low * high)
    if step is None:
        return (low + high) / 2
    return low + step * round((high - low) / step / 2)
