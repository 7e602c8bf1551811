"""Models of flat spaces, put to use on a conditional one: a model for each group of parameters.

A Gaussian process or an evolution strategy wants points of one dimension, and trials of a
conditional space are not. Three ways out were weighed. To model only what all trials share, as
Optuna does on its own, leaves every architecture to chance. To fill inactive parameters with some
value, as KerasTuner does, learns from values that nobody tried. So the space is taken apart, as
Optuna's TPE takes it apart: parameters that exist under the same condition form a group, and each
group's model sees the trials that have the group, and of those its parameters alone. What is lost
is how parameters of two groups act together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from optuna import Study
from optuna.trial import FrozenTrial
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from automedimg.contracts import Outline, Parameter
from automedimg_strategies.axes import random_values
from automedimg_strategies.evidence import Seen, seen
from automedimg_strategies.whole import STARTUP_TRIALS, Whole


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that exist under the same condition: all of them or none."""

    parameters: tuple[Parameter, ...]

    def active(self, chosen: Mapping[str, Any]) -> bool:
        """Whether they exist, given the values of the groups before."""
        return self.parameters[0].active(chosen)

    def of(self, trials: Sequence[Seen]) -> list[Seen]:
        """The trials that have this group, with its values and no others."""
        names = [parameter.name for parameter in self.parameters]
        return [
            Seen(trial.number, {name: trial.params[name] for name in names}, trial.value)
            for trial in trials
            if all(name in trial.params for name in names)
        ]


Model: TypeAlias = Callable[[Group, Sequence[Seen], bool, int], Mapping[str, Any]]
"""Proposes a group's values from (group, its trials, maximize, seed)."""


def groups_of(space: Sequence[Parameter]) -> list[Group]:
    """Take a space apart; what a group depends on stands in the groups before it."""
    found: dict[Any, list[Parameter]] = {}
    for parameter in space:
        condition = tuple(frozenset(way.items()) for way in parameter.when)
        found.setdefault(condition, []).append(parameter)
    return [Group(tuple(parameters)) for parameters in found.values()]


class Grouped(Whole):
    """Asks a model for each group that is active, or draws it at random while little is known.

    Args:
        outline: Of the search.
        seed: Of this proposal.
        model: Of a flat space.
    """

    def __init__(self, outline: Outline, seed: int, model: Model) -> None:
        super().__init__(outline, seed)
        self._model = model

    def propose(self, study: Study, trial: FrozenTrial) -> Mapping[str, Any]:
        """Propose one group after another; earlier ones decide which of the later ones exist."""
        trials, values = seen(study, besides=trial.number), dict[str, Any]()
        for index, group in enumerate(groups_of(self.outline.space)):
            if group.active(values):
                known = group.of(trials)
                if sum(each.value is not None for each in known) < STARTUP_TRIALS:
                    draw = np.random.default_rng([self.seed, index]).random
                    values |= random_values(group.parameters, draw, values)
                else:
                    seed = (self.seed + index) % 2**32
                    # On matrices this small, threads cost more than they bring: five times more.
                    with threadpool_limits(1):
                        values |= self._model(group, known, self.outline.maximize, seed)
        return values
