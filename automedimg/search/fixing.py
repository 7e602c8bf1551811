"""Values that the user fixes, read and checked against the space."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from automedimg.contracts import Component
from automedimg.errors import ConfigurationError
from automedimg.search.space import SearchSpace
from automedimg.training.parameters import FIXABLE

Accept = Callable[[Any], Any]


def fixed_values(space: SearchSpace, fix: Mapping[str, Any]) -> dict[str, Any]:
    """Read the values of parameters that are not to be searched.

    Args:
        space: Has the parameters.
        fix: ``NAME=VALUE`` pairs, values as text or typed. A bare name stands for that parameter of
            every component.
    Returns:
        Values by ledger name.
    Raises:
        ConfigurationError: unknown names or values; all of them are named at once.
    """
    known = space.distributions()
    fixed: dict[str, Any] = {}
    problems = []
    for name, value in fix.items():
        matches = [ledger for ledger in known if ledger == name or ledger.endswith(f".{name}")]
        matches = [ledger for ledger in matches if not _is_component(ledger)]
        if not matches:
            bare = {ledger.rpartition(".")[2] for ledger in known if not _is_component(ledger)}
            close = get_close_matches(name, [*known, *bare], n=1)
            meant = f", did you mean `{close[0]}`?" if close else ""
            problems.append(f"unknown parameter `{name}`{meant}")
            continue
        for ledger in matches:
            try:
                read = FIXABLE.get(ledger)
                fixed[ledger] = (
                    read(value) if read else _typed(value, known[ledger], _acceptor(space, ledger))
                )
            except ValueError as error:
                problems.append(f"`{name}`: {error}")
    if problems:
        names = sorted({n.rpartition(".")[2] for n in known if not _is_component(n)} | {"train"})
        raise ConfigurationError(
            "can't fix: " + "; ".join(problems), f"the parameters here are {', '.join(names)}"
        )
    return fixed


def _acceptor(space: SearchSpace, ledger: str) -> Accept | None:
    """What takes further values of a parameter: its component; None for those of training."""
    owner, _, name = ledger.rpartition(".")
    component: Component | None = space.heads.get(owner)
    if owner in space.backbones:
        component = space.backbones[owner].backbone
    return partial(component.accept, name) if component else None


def _is_component(ledger: str) -> bool:
    """Whether a ledger name chooses a component; those have options of their own."""
    return ledger == "backbone" or ledger.rpartition(".")[2] in ("train", "head")


def _typed(value: Any, distribution: BaseDistribution, accept: Accept | None) -> Any:
    """Turn a value, perhaps text, into one of the distribution's kind.

    Numbers may lie outside the searched range: who fixes a value means it. What is none of some
    choices may be accepted by the component.
    """
    if isinstance(distribution, CategoricalDistribution):
        return _choice(value, distribution.choices, accept)
    number = _as_json(value)
    whole = isinstance(distribution, IntDistribution)
    if isinstance(number, bool) or not isinstance(number, int if whole else int | float):
        raise ValueError(f"got `{value}`, expected {'a whole number' if whole else 'a number'}")
    if not math.isfinite(number):
        raise ValueError(f"got `{value}`, expected a finite number")
    return number if whole else float(number)


def _choice(value: Any, choices: Sequence[Any], accept: Accept | None) -> Any:
    for choice in choices:
        if value == choice or str(value) == str(choice) or _as_json(value) == choice:
            return choice
    further = ""
    if accept is not None:
        try:
            return accept(value)
        except ValueError as error:
            further = f", or {error}" if str(error) else ""
    raise ValueError(f"got `{value}`, expected one of {list(choices)}{further}")


def _as_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
