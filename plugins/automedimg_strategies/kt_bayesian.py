"""KerasTuner's Bayesian optimization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.samplers import BaseSampler

from automedimg_strategies.evidence import Seen, worst
from automedimg_strategies.groups import Group, Grouped
from automedimg_strategies.keras_tools import keras_tuner
from automedimg_strategies.kt_oracle import ask, options, tell
from automedimg_strategies.kt_space import Translation
from automedimg_strategies.whole import STARTUP_TRIALS, Outlined


class KtBayesian(Outlined):
    """KerasTuner's Gaussian process with an upper confidence bound, one for each group.

    The oracle puts its default wherever a parameter is inactive, and learns from it as if it had
    been tried; a group has no such parameters. It also draws three times as many trials at random
    as there are parameters, which few searches would get past; here it is `STARTUP_TRIALS`.

    Source: O'Malley et al. (2019), KerasTuner; Srinivas et al. (2010), ICML, for the bound.
    """

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler."""
        return Grouped(self.outline, seed, _propose)


def _propose(group: Group, trials: Sequence[Seen], maximize: bool, seed: int) -> Mapping[str, Any]:
    flat = [replace(parameter, when=()) for parameter in group.parameters]
    translation = Translation(flat)
    oracle = keras_tuner().oracles.BayesianOptimizationOracle(
        num_initial_points=STARTUP_TRIALS, **options(translation, maximize, seed)
    )
    # The oracle guesses the value of a running trial from the process that it fitted for the one
    # before. There is none in a new oracle, so that running ones count as bad: keep away.
    pessimistic = worst(trials, maximize)
    tell(
        oracle,
        translation,
        [replace(each, value=pessimistic) if each.value is None else each for each in trials],
    )
    return translation.decode(ask(oracle, len(trials))[1])
