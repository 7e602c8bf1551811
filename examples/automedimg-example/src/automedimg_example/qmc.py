"""A strategy from one of Optuna's own samplers."""

import warnings

from automedimg.contracts import Strategy
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler


class QuasiMonteCarlo(Strategy):
    """Spreads trials more evenly over the space than random draws do.

    A sampler is made anew for each trial, each time with another seed. A scrambled sequence would
    then be another sequence at every trial, so this one is not scrambled; the place in it comes
    from the study. Only what the first trial chose from is part of the sequence. Any other
    parameter is drawn at random, and that is what the seed is for.
    """

    def sampler(self, seed: int) -> BaseSampler:
        """Return a Sobol sampler."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return QMCSampler(
                scramble=False,
                independent_sampler=RandomSampler(seed=seed),
                warn_independent_sampling=False,
            )

    def pruner(self) -> BasePruner:
        """Return a pruner that lets every trial finish: an even sample wants all its points."""
        return NopPruner()
