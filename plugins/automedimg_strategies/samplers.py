"""Samplers and the median pruner."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from automedimg.contracts import Strategy

STARTUP_TRIALS = 7
"""Trials drawn at random, the defaults among them, before TPE trusts what it has seen."""


class _Median(Strategy):
    """Prunes a trial that is, after three epochs, worse than half of the others were then."""

    def pruner(self) -> BasePruner:
        """Return the median pruner; Golovin et al. (2017), Google Vizier, KDD."""
        return MedianPruner(n_startup_trials=5, n_warmup_steps=3, n_min_trials=3)


class Tpe(_Median):
    """Optuna's TPE on the conditional space.

    `group=True` models each set of parameters that were active together on its own, so that an
    inactive parameter is neither sampled nor learnt from; the constant liar keeps parallel workers
    apart.
    """

    def sampler(self, seed: int) -> BaseSampler:
        """Return a TPE sampler."""
        with warnings.catch_warnings():
            # `group` has been experimental since Optuna 2.8 and is what a conditional space needs.
            warnings.simplefilter("ignore", ExperimentalWarning)
            return TPESampler(
                seed=seed,
                n_startup_trials=STARTUP_TRIALS,
                multivariate=True,
                group=True,
                constant_liar=True,
            )


class Random(_Median):
    """Every parameter independently, from its own distribution."""

    def sampler(self, seed: int) -> BaseSampler:
        """Return a random sampler."""
        return RandomSampler(seed=seed)
