"""Search a small conditional space with a strategy, the way that a real search does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from automedimg.contracts import Outline, Parameter, Strategy

Direction = Literal["maximize", "minimize"]

SPACE = (
    Parameter("backbone", CategoricalDistribution(("small", "large"))),
    Parameter("optimizer", CategoricalDistribution(("adam", "sgd", None))),
    Parameter("small.width", IntDistribution(8, 64, log=True), ({"backbone": ("small",)},)),
    Parameter("large.depth", IntDistribution(1, 4), ({"backbone": ("large",)},)),
    Parameter(
        "large.dropout",
        FloatDistribution(0.0, 0.5),
        ({"backbone": ("large",), "large.depth": (3, 4)},),
    ),
    Parameter(
        "nesterov",
        CategoricalDistribution((True, False)),
        ({"optimizer": ("sgd",)}, {"backbone": ("large",), "optimizer": ("adam", "sgd")}),
    ),
    Parameter("learning_rate", FloatDistribution(1e-5, 1e-2, log=True)),
    Parameter("momentum", FloatDistribution(0.0, 0.9, step=0.1)),
)

DEFAULTS: tuple[dict[str, Any], ...] = (
    {
        "backbone": "small",
        "optimizer": "adam",
        "small.width": 16,
        "learning_rate": 1e-3,
        "momentum": 0.9,
    },
    {"backbone": "large"},
)

EPOCHS = 9


def outline(direction: Direction) -> Outline:
    """What a strategy is told of the search."""
    return Outline(SPACE, DEFAULTS, seed=7, epochs=EPOCHS, maximize=direction == "maximize")


class Fresh(BaseSampler):
    """Asks a sampler made for the trial, and for each value drawn on its own another one."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy, self._of_trial = strategy, strategy.sampler(0)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Make the trial's sampler, and ask it."""
        self._of_trial = self._strategy.sampler(1000 + trial.number)
        return self._of_trial.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask the trial's sampler."""
        return self._of_trial.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Make a sampler for this value, and ask it."""
        number = [parameter.name for parameter in SPACE].index(param_name)
        sampler = self._strategy.sampler((trial.number + 1) * 100_000 + number)
        return sampler.sample_independent(study, trial, param_name, param_distribution)


def search(
    make: Callable[[], Strategy],
    study: optuna.Study,
    num_trials: int,
    workers: int = 1,
    killed: bool = False,
) -> Iterator[tuple[Trial, dict[str, Any]]]:
    """Search, and yield each trial as it begins, with the values that it chose.

    Args:
        make: Returns a prepared strategy; called for each trial.
        study: The ledger.
        num_trials: How many.
        workers: Trials that run at once.
        killed: Whether the search is killed in each trial, after two values.
    """
    running: list[Trial] = []
    for number in range(num_trials):
        if number < len(DEFAULTS):
            study.enqueue_trial(DEFAULTS[number])
        study.sampler = Fresh(make())
        trial = study.ask()
        if killed:
            choose(trial, 2)
            study.sampler = Fresh(make())
            trial = Trial(study, trial._trial_id)
        running.append(trial)
        yield trial, choose(trial)
        if len(running) == workers:
            ended = running.pop(0)
            finish(study, ended, ended.number)


def choose(trial: Trial, num: int | None = None) -> dict[str, Any]:
    """Let a trial choose from `SPACE`; a number stops it after so many parameters."""
    values: dict[str, Any] = {}
    for parameter in SPACE[:num]:
        if parameter.active(values):
            values[parameter.name] = _suggest(trial, parameter.name, parameter.distribution)
    return values


def finish(study: optuna.Study, trial: Trial, number: int) -> None:
    """End a trial: every fifth fails, every fourth is pruned, others have some value."""
    if number % 5 == 3:
        study.tell(trial, state=TrialState.FAIL)
        return
    value = 0.5 + 0.4 * ((number * 7) % 10) / 10
    trial.report(value, 1)
    if number % 4 == 2:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, value)


@contextmanager
def quiet_study(direction: Direction, pruner: BasePruner | None = None) -> Iterator[optuna.Study]:
    """An in-memory study that logs nothing below a warning."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield optuna.create_study(
            study_name="checks", direction=direction, pruner=pruner, sampler=RandomSampler(seed=0)
        )
    finally:
        optuna.logging.set_verbosity(verbosity)


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    kind: Any = distribution
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log)
    return trial.suggest_float(name, kind.low, kind.high, step=kind.step, log=kind.log)
