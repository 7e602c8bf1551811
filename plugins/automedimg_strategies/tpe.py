"""TPE on a conditional space, which asks only for what a trial comes to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from automedimg_strategies.groups import Group
from automedimg_strategies.whole import STARTUP_TRIALS


class LazyGroups(dict[str, Any]):
    """Values by parameter; a group is sampled when one of its parameters is first asked for.

    Args:
        group_of: The group's number, by parameter.
        sample: Samples a group.
    """

    def __init__(
        self, group_of: Mapping[str, int], sample: Callable[[int], Mapping[str, Any]]
    ) -> None:
        super().__init__()
        self._group_of, self._sample = group_of, sample
        self._done: set[int] = set()

    def __contains__(self, name: object) -> bool:
        index = self._group_of.get(str(name))
        if index is not None and index not in self._done:
            self._done.add(index)
            self.update(self._sample(index))
        return super().__contains__(name)


class GroupedTpe(BaseSampler):
    """A multivariate TPE for each group of parameters that exist under the same condition.

    Optuna's own `group=True` takes the space apart in the same way, and samples all groups for each
    trial, those of the networks that it did not choose included: on a search's space that is most
    of its time.

    Args:
        groups: What a group depends on stands in the groups before it.
        seed: Of this proposal.
    """

    def __init__(self, groups: Sequence[Group], seed: int) -> None:
        self._groups, self._seed = groups, seed

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All parameters between which there is a choice."""
        del study, trial
        return {name: it for group in self._groups for name, it in _space_of(group).items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values that are drawn as they are asked for."""
        group_of = {
            parameter.name: index
            for index, group in enumerate(self._groups)
            for parameter in group.parameters
            if parameter.name in search_space
        }

        def sample(index: int) -> Mapping[str, Any]:
            space = _space_of(self._groups[index])
            return _tpe((self._seed + index) % 2**32).sample_relative(study, trial, space)

        return LazyGroups(group_of, sample)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one value: at random while little is known."""
        sampler = _tpe(self._seed)
        return sampler.sample_independent(study, trial, param_name, param_distribution)


def _space_of(group: Group) -> dict[str, BaseDistribution]:
    return {it.name: it.distribution for it in group.parameters if not it.distribution.single()}


def _tpe(seed: int) -> TPESampler:
    """The constant liar keeps parallel workers apart."""
    with warnings.catch_warnings():
        # `multivariate` and the liar have been experimental since Optuna 2.2 and 2.8.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True
        )
