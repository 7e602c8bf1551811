"""Gaussian processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.samplers import BaseSampler, GPSampler

from automedimg_strategies.evidence import Seen
from automedimg_strategies.flat import ask
from automedimg_strategies.groups import Group, Grouped
from automedimg_strategies.needs import need
from automedimg_strategies.whole import STARTUP_TRIALS, Outlined


class Gp(Outlined):
    """Optuna's Gaussian process with log expected improvement, one for each group of parameters.

    Raises:
        PluginError: PyTorch is not installed.
    Source: Snoek et al. (2012), Practical Bayesian Optimization, NeurIPS 25.
    """

    def __init__(self) -> None:
        need("gp", "gp", "torch", "scipy")

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler."""
        return Grouped(self.outline, seed, _propose)


def _propose(group: Group, trials: Sequence[Seen], maximize: bool, seed: int) -> Mapping[str, Any]:
    # Training is noisy, and so is what a group's model does not see of the other groups.
    sampler = GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS, deterministic_objective=False)
    return ask(sampler, group.parameters, trials, maximize)
