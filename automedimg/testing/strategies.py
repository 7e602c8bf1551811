"""The checks of a strategy, on a small conditional space like a search's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from automedimg.contracts import Space, Strategy, StrategySpec, When, distribution_of, is_active
from automedimg.testing.spaces import contains
from automedimg.testing.subject import Subject, expect, expect_name_and_summary

NUM_TRIALS = 15
SEEDS = (0, 7, 2**32 - 1)

Direction = Literal["maximize", "minimize"]

SPACE: Space = {
    "backbone": CategoricalDistribution(("small", "large")),
    "small.width": When("backbone", ("small",), IntDistribution(8, 64, log=True)),
    "large.depth": When("backbone", ("large",), IntDistribution(1, 4)),
    "large.dropout": When("large.depth", (3, 4), FloatDistribution(0.0, 0.5)),
    "learning_rate": FloatDistribution(1e-5, 1e-2, log=True),
    "momentum": FloatDistribution(0.0, 0.9, step=0.1),
    "optimizer": CategoricalDistribution(("adam", "sgd", "rmsprop")),
}


class StrategySubject(Subject[StrategySpec]):
    """A strategy under test."""


def check_spec(subject: StrategySubject) -> None:
    """The name and the summary can be listed."""
    expect_name_and_summary(subject.spec, "a-z0-9_-", "lower case, digits, underscores, hyphens")


def check_has_sampler_and_pruner(subject: StrategySubject) -> None:
    """It is a `Strategy`, and gives Optuna's kind of sampler (for any seed) and pruner."""
    strategy = subject.component
    expect(isinstance(strategy, Strategy), "factory", type(strategy).__name__, "a Strategy")
    for seed in SEEDS:
        sampler, what = strategy.sampler(seed), f"sampler({seed})"
        expect(isinstance(sampler, BaseSampler), what, type(sampler).__name__, "a BaseSampler")
    pruner = strategy.pruner()
    expect(isinstance(pruner, BasePruner), "pruner()", type(pruner).__name__, "a BasePruner")


def check_repeats_itself(subject: StrategySubject) -> None:
    """The same seed and the same trials behind it propose the same values.

    Samplers are made anew for every proposal; what one remembers must come from the study.
    """
    for direction in _directions():
        for num_trials in (0, NUM_TRIALS):
            first = _propose(subject.component, direction, num_trials)
            again = _propose(subject.component, direction, num_trials)
            what = f"proposal after {num_trials} trials ({direction})"
            expect(first == again, what, f"{again} the second time", f"{first} as the first time")


def check_searches_a_conditional_space(subject: StrategySubject) -> None:
    """Values lie in their distributions, while trials fail, get pruned and differ in parameters."""
    for direction in _directions():
        with _quiet_study(direction, subject.component.pruner()) as study:
            for number in range(NUM_TRIALS):
                study.sampler = subject.component.sampler(number)
                trial = study.ask()
                _expect_in_distributions(choose(trial), f"trial {number} ({direction})")
                _finish(study, trial, number)


def check_pruner_answers(subject: StrategySubject) -> None:
    """After any epoch, of the first trial as of later ones, the pruner says yes or no."""
    with _quiet_study("maximize", subject.component.pruner()) as study:
        for number in range(8):
            trial = study.ask()
            for epoch in range(1, 6):
                trial.report(0.5 + 0.01 * epoch - 0.05 * number, epoch)
                answer = trial.should_prune()
                what = f"pruner at trial {number}, epoch {epoch}"
                # Optuna's own pruners answer in NumPy's booleans.
                expect(isinstance(answer, bool | np.bool), what, repr(answer), "True or False")
            study.tell(trial, 0.55 - 0.05 * number)


def choose(trial: optuna.Trial) -> dict[str, Any]:
    """Let a trial choose from `SPACE`, the way that a search does it."""
    values: dict[str, Any] = {}
    for name, entry in SPACE.items():
        if is_active(entry, values):
            values[name] = _suggest(trial, name, distribution_of(entry))
    return values


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
    kind: Any = distribution
    return trial.suggest_float(name, kind.low, kind.high, step=kind.step, log=kind.log)


def _propose(strategy: Strategy, direction: Direction, num_trials: int) -> dict[str, Any]:
    """Return a proposal after a history of random trials."""
    with _quiet_study(direction, strategy.pruner()) as study:
        for number in range(num_trials):
            study.sampler = RandomSampler(seed=number)
            trial = study.ask()
            choose(trial)
            _finish(study, trial, number)
        study.sampler = strategy.sampler(SEEDS[1])
        return choose(study.ask())


def _finish(study: optuna.Study, trial: optuna.Trial, number: int) -> None:
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


def _expect_in_distributions(values: Mapping[str, Any], what: str) -> None:
    for name, value in values.items():
        distribution = distribution_of(SPACE[name])
        inside = contains(distribution, value)
        expect(inside, f"{what}, `{name}`", repr(value), f"a value of {distribution}")


def _directions() -> tuple[Direction, ...]:
    return ("maximize", "minimize")


@contextmanager
def _quiet_study(direction: Direction, pruner: BasePruner) -> Iterator[optuna.Study]:
    """An in-memory study that logs nothing below a warning."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield optuna.create_study(direction=direction, pruner=pruner, sampler=RandomSampler(seed=0))
    finally:
        optuna.logging.set_verbosity(verbosity)


CHECKS = (
    check_spec,
    check_has_sampler_and_pruner,
    check_repeats_itself,
    check_searches_a_conditional_space,
    check_pruner_answers,
)
