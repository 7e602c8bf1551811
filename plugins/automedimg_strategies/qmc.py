"""A low-discrepancy sequence over the conditional space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna import Study
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from automedimg_strategies.axes import random_values
from automedimg_strategies.whole import Outlined, Whole


class Qmc(Outlined):
    """A scrambled Sobol sequence.

    The sequence belongs to the search, not to a sampler: trial n, the defaults left out of the
    count, gets its n-th point whoever asks, in whichever session. A point has a coordinate for each
    parameter, and those of inactive ones go unused; what is left of an even sequence along some of
    its coordinates is even along the others.

    Source: Sobol' (1967); Owen (1998), scrambling; Bergstra & Bengio (2012) for the use made here.
    """

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler; the seed only matters to what a default leaves open."""
        return _Sobol(self.outline, seed)


class _Sobol(Whole):
    def propose(self, study: Study, trial: FrozenTrial) -> Mapping[str, Any]:
        from scipy.stats import qmc

        del study
        sequence = qmc.Sobol(len(self.outline.space), scramble=True, seed=self.outline.seed)
        if trial.number > len(self.outline.defaults):  # SciPy can't skip 0 points
            sequence.fast_forward(trial.number - len(self.outline.defaults))
        point = iter(sequence.random(1)[0].tolist())
        return random_values(self.outline.space, lambda: next(point), {})
