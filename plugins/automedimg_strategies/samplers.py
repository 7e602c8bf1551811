"""Strategies that take Optuna's samplers and pruners as they are."""

from __future__ import annotations

from optuna.pruners import BasePruner, HyperbandPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler

from automedimg_strategies.groups import groups_of
from automedimg_strategies.tpe import GroupedTpe
from automedimg_strategies.whole import Outlined

FACTOR = 3
"""One trial in so many goes on from one rung to the next, which is so many times as long."""

RUNGS = 9
"""The first rung of successive halving comes after this fraction of the epochs."""


class Tpe(Outlined):
    """TPE on the conditional space.

    Each set of parameters that exist under the same condition is modelled on its own, so that an
    inactive parameter is neither sampled nor learnt from.
    """

    takes_advice = True

    def sampler(self, seed: int) -> BaseSampler:
        """Return a TPE sampler."""
        return GroupedTpe(groups_of(self.outline.space), seed)


class Random(Outlined):
    """Every parameter independently, from its own distribution."""

    takes_advice = True

    def sampler(self, seed: int) -> BaseSampler:
        """Return a random sampler."""
        return RandomSampler(seed=seed)


class Hyperband(Tpe):
    """TPE, pruned by Hyperband.

    Each trial belongs to a bracket, by its number; brackets differ in how early they prune. TPE
    learns within a bracket, because only there were trials treated alike.
    """

    def pruner(self) -> BasePruner:
        """Return Optuna's Hyperband pruner, for as many epochs as the search trains."""
        return HyperbandPruner(
            min_resource=1, max_resource=max(1, self.outline.epochs), reduction_factor=FACTOR
        )


class Asha(Random):
    """Random draws, pruned by asynchronous successive halving, as in the paper."""

    def pruner(self) -> BasePruner:
        """Return Optuna's; its rungs are at 1/9, 1/3 and all of the epochs."""
        return SuccessiveHalvingPruner(
            min_resource=max(1, self.outline.epochs // RUNGS), reduction_factor=FACTOR
        )
