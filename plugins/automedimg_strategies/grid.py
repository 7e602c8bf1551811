"""Grid search over the conditional space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from optuna import Study
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from automedimg.contracts import Outline, Parameter
from automedimg_strategies.axes import grid_points
from automedimg_strategies.grid_tree import Points, Tree, in_turn, mentioned, shuffled
from automedimg_strategies.whole import Outlined, Whole

MAX_BRANCHES = 64
"""The grid's first forks are walked in turn, as long as they don't make more branches than this."""


class Grid(Outlined):
    """Every distinct configuration of a grid, each once; what was tried already is left out.

    Choices are all tried; a range of more than three values at both ends and in the middle, on its
    own scale. A grid that is too large to be finished is walked so that its part is a fair sample:
    branches (backbones, ways of training, heads) take turns, and each is walked in random order.
    """

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler; the seed only matters to what a default leaves open."""
        return _GridSampler(self.outline, seed, self._walk)

    def exhausted(self, study: Study) -> bool:
        """Whether every configuration of the grid was tried, or is being tried."""
        tried = _tried(study, self.outline, besides=-1)
        return self._walk.size <= len(tried) and self._walk.first_without(tried) is None

    def prepare(self, outline: Outline) -> None:
        """Keep the outline; the grid is laid out when it is first needed."""
        super().prepare(outline)
        self.__dict__.pop("_walk", None)

    @cached_property
    def _walk(self) -> Walk:
        return Walk(self.outline.space, self.outline.seed)


class Walk:
    """All configurations of a grid, in the order in which they are tried.

    Args:
        space: What is searched.
        seed: Shuffles.
    """

    def __init__(self, space: Sequence[Parameter], seed: int) -> None:
        parents = mentioned(space)
        points = {p.name: grid_points(p.distribution, _numbers(p, parents)) for p in space}
        branches = _branches([p for p in space if p.name in parents], points)
        order = [shuffled(place, len(branches), f"{seed}") for place in range(len(branches))]
        self._trees = [Tree(space, points, branches[place]) for place in order]
        self._sizes = [tree.size for tree in self._trees]
        self._seed = seed
        self.size = sum(self._sizes)

    def at(self, position: int) -> dict[str, Any]:
        """Return the configuration at a position in [0, size)."""
        branch, index = in_turn(self._sizes, position)
        index = shuffled(index, self._sizes[branch], f"{self._seed}/{branch}")
        return self._trees[branch].at(index)

    def first_without(self, tried: set[frozenset[Any]]) -> dict[str, Any] | None:
        """Return the first configuration that was not tried; None if there is none."""
        position = 0
        while position < self.size:
            values = self.at(position)
            if frozenset(values.items()) not in tried:
                return values
            position += 1
        return None


class _GridSampler(Whole):
    def __init__(self, outline: Outline, seed: int, walk: Walk) -> None:
        super().__init__(outline, seed)
        self._walk = walk

    def propose(self, study: Study, trial: FrozenTrial) -> Mapping[str, Any]:
        return self._walk.first_without(_tried(study, self.outline, besides=trial.number)) or {}


def _tried(study: Study, outline: Outline, besides: int) -> set[frozenset[Any]]:
    """The configurations of all trials, whatever became of them, and of those that still run."""
    names = {parameter.name for parameter in outline.space}
    return {
        frozenset((name, value) for name, value in trial.params.items() if name in names)
        for trial in study.get_trials(deepcopy=False)
        if trial.number != besides
    }


def _branches(parents: Sequence[Parameter], points: Points) -> list[dict[str, Any]]:
    """Values of the first parameters that others depend on, in all combinations."""
    branches: list[dict[str, Any]] = [{}]
    for parent in parents:
        grown = [
            {**branch, parent.name: point} if parent.active(branch) else branch
            for branch in branches
            for point in (points[parent.name] if parent.active(branch) else (None,))
        ]
        if len(grown) > MAX_BRANCHES:
            break
        branches = grown
    return branches


def _numbers(parameter: Parameter, parents: Mapping[str, set[Any]]) -> list[Any]:
    """The values of a parameter that others depend on, as far as it can have them."""
    kind = parameter.distribution
    values = parents.get(parameter.name, set())
    return [value for value in values if kind._contains(kind.to_internal_repr(value))]
