"""Sampling that a kill can't change: every proposal is a function of the seed and the ledger.

A sampler draws from a random state that moves on with each value. A search that was killed between
two values of a trial would, once resumed, draw the second from a state that has not seen the
first. So each value comes from a sampler of its own, made for it with a seed of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

MakeSampler = Callable[[int], BaseSampler]


class Proposer(BaseSampler):
    """Makes a sampler anew for each trial and for each value that is drawn on its own.

    Args:
        make: Makes one with a seed.
        seed: Of the search.
    """

    def __init__(self, make: MakeSampler, seed: int) -> None:
        self._make, self._seed = make, seed
        self._of_trial: tuple[int, BaseSampler] | None = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Ask which values are drawn together; a new trial begins with this."""
        sampler = self._make(derive_seed(self._seed, trial.number))
        self._of_trial = (trial.number, sampler)
        return sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw values together."""
        return self._sampler(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one value on its own."""
        sampler = self._make(derive_seed(self._seed, trial.number, param_name))
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Pass it on."""
        self._make(derive_seed(self._seed, trial.number)).before_trial(study, trial)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Pass it on."""
        self._make(derive_seed(self._seed, trial.number)).after_trial(study, trial, state, values)

    def _sampler(self, trial: FrozenTrial) -> BaseSampler:
        """The sampler that said which values of this trial it draws together."""
        if self._of_trial is None or self._of_trial[0] != trial.number:
            return self._make(derive_seed(self._seed, trial.number))
        return self._of_trial[1]


def derive_seed(seed: int, number: int, name: str = "") -> int:
    """A seed in [0, 2^32) for trial `number` of a search with `seed`, and for one of its values."""
    text = f"{seed}/{number}/{name}" if name else f"{seed}/{number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
