"""What the strategies share that propose a trial's values all at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from automedimg.contracts import Outline, Strategy

STARTUP_TRIALS = 7
"""Trials drawn at random, the defaults among them, before a model trusts what it has seen."""

NOTHING = Outline(space=(), defaults=(), seed=0, epochs=1, maximize=True)


class Outlined(Strategy):
    """A strategy that looks at the space beforehand, and prunes by the median."""

    outline: Outline = NOTHING

    def prepare(self, outline: Outline) -> None:
        """Keep the outline."""
        self.outline = outline

    def pruner(self) -> BasePruner:
        """Return one that ends what, after three epochs, is worse than half of the others were.

        Source: Golovin et al. (2017), Google Vizier, KDD.
        """
        return MedianPruner(n_startup_trials=5, n_warmup_steps=3, n_min_trials=3)


class Whole(BaseSampler):
    """Proposes whole configurations: the active parameters and no others.

    What it leaves out is drawn at random. So is whatever a default leaves open: a default is a
    configuration of its own, and half of a proposal would make no sense in it.

    Args:
        outline: Of the search.
        seed: Of this proposal.
    """

    def __init__(self, outline: Outline, seed: int) -> None:
        self.outline, self.seed = outline, seed

    @abstractmethod
    def propose(self, study: Study, trial: FrozenTrial) -> Mapping[str, Any]:
        """Return a configuration by ledger name; empty for one that is drawn at random."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All that may be active."""
        del study, trial
        return {parameter.name: parameter.distribution for parameter in self.outline.space}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose, unless the trial is one of the defaults."""
        del search_space
        if not self.outline.space or "fixed_params" in trial.system_attrs:
            return {}
        return dict(self.propose(study, trial))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw at random."""
        sampler = RandomSampler(seed=self.seed)
        return sampler.sample_independent(study, trial, param_name, param_distribution)
