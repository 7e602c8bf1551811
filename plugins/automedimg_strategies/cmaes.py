"""CMA-ES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.samplers import BaseSampler, TPESampler

from automedimg.contracts import Parameter
from automedimg_strategies.axes import from_unit, is_numeric, to_unit
from automedimg_strategies.evidence import Seen
from automedimg_strategies.flat import ask
from automedimg_strategies.groups import Group, Grouped
from automedimg_strategies.needs import need
from automedimg_strategies.whole import STARTUP_TRIALS, Outlined

SIGMA = 0.25
"""The first step size, where every range has length 1."""


class Cmaes(Outlined):
    """Evolution of the numeric parameters of each group; its categorical ones are TPE's.

    The population is no state of its own: each proposal tells a new optimizer the trials that
    ended so far, a generation at a time. Optuna's sampler keeps a pickled optimizer in the ledger
    instead, which would run as code whatever stands there.

    Raises:
        PluginError: the package `cmaes` is not installed.
    Source: Hansen & Ostermeier (2001), Evolutionary Computation 9; Hansen (2016), arXiv:1604.00772.
    """

    def __init__(self) -> None:
        need("cmaes", "cmaes", "cmaes")

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler."""
        return Grouped(self.outline, seed, _propose)


def _propose(group: Group, trials: Sequence[Seen], maximize: bool, seed: int) -> Mapping[str, Any]:
    numeric = [each for each in group.parameters if is_numeric(each.distribution)]
    if len(numeric) < 2:
        numeric = []  # a covariance needs two
    others = [parameter for parameter in group.parameters if parameter not in numeric]
    values: dict[str, Any] = {}
    if others:
        tpe = TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        values = ask(tpe, others, trials, maximize)
    return values | (_evolve(numeric, trials, maximize, seed) if numeric else {})


def _evolve(
    numeric: Sequence[Parameter], trials: Sequence[Seen], maximize: bool, seed: int
) -> dict[str, Any]:
    from cmaes import CMA

    dimensions = len(numeric)
    bounds = np.tile([0.0, 1.0], (dimensions, 1))
    optimizer = CMA(mean=np.full(dimensions, 0.5), sigma=SIGMA, bounds=bounds)
    solutions = [
        (_point(numeric, trial.params), -trial.value if maximize else trial.value)
        for trial in trials
        if trial.value is not None
    ]
    size = optimizer.population_size
    for start in range(0, len(solutions) - size + 1, size):
        optimizer.tell(solutions[start : start + size])
    optimizer.reseed_rng(seed)
    point = optimizer.ask()
    return {
        parameter.name: from_unit(parameter.distribution, float(position))
        for parameter, position in zip(numeric, point, strict=True)
    }


def _point(numeric: Sequence[Parameter], params: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """A trial as a point of the unit cube, shape (D,)."""
    return np.array([to_unit(each.distribution, params[each.name]) for each in numeric])
