"""The checks of a strategy, on a small conditional space like a search's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from automedimg.contracts import Strategy, StrategySpec
from automedimg.testing.searching import (
    EPOCHS,
    SPACE,
    Direction,
    Fresh,
    choose,
    finish,
    outline,
    quiet_study,
    search,
)
from automedimg.testing.spaces import contains
from automedimg.testing.subject import Subject, expect, expect_name_and_summary

NUM_TRIALS = 15
SEEDS = (0, 7, 2**32 - 1)
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")


class StrategySubject(Subject[StrategySpec]):
    """A strategy under test."""

    def prepared(self, direction: Direction = "maximize") -> Strategy:
        """A new one, that has seen the outline."""
        strategy: Strategy = self.spec.factory()
        strategy.prepare(outline(direction))
        return strategy

    def study(self, direction: Direction) -> Any:
        """A ledger with the strategy's pruner."""
        return quiet_study(direction, self.prepared(direction).pruner())


def check_spec(subject: StrategySubject) -> None:
    """The name and the summary can be listed."""
    expect_name_and_summary(subject.spec, "a-z0-9_-", "lower case, digits, underscores, hyphens")


def check_has_sampler_and_pruner(subject: StrategySubject) -> None:
    """It is a `Strategy`, and gives Optuna's kind of sampler (for any seed) and pruner."""
    expect(
        isinstance(subject.component, Strategy),
        "factory",
        type(subject.component).__name__,
        "a Strategy",
    )
    strategy = subject.prepared()
    for seed in SEEDS:
        sampler, what = strategy.sampler(seed), f"sampler({seed})"
        expect(isinstance(sampler, BaseSampler), what, type(sampler).__name__, "a BaseSampler")
    pruner = strategy.pruner()
    expect(isinstance(pruner, BasePruner), "pruner()", type(pruner).__name__, "a BasePruner")


def check_repeats_itself(subject: StrategySubject) -> None:
    """The same seeds and the same trials behind them propose the same values, twice over."""
    for direction in DIRECTIONS:
        strategy = subject.prepared(direction)
        first = _proposals(subject, direction, partial(_same, strategy))
        again = _proposals(subject, direction, partial(_same, strategy))
        _expect_equal(first, again, "the second time", direction)


def check_resumes(subject: StrategySubject) -> None:
    """A search that is killed in each trial, between two of its values, proposes what one that
    goes on proposes. What a strategy knows must come from the outline and the ledger.
    """
    strategy = subject.prepared()
    first = _proposals(subject, "maximize", partial(_same, strategy))
    again = _proposals(subject, "maximize", subject.prepared, killed=True)
    _expect_equal(first, again, "when the search was killed in each trial", "maximize")


def check_searches_a_conditional_space(subject: StrategySubject) -> None:
    """Values lie in their distributions, while trials fail, get pruned and differ in parameters;
    with one worker and with three. The ledger has active parameters only.
    """
    settings: tuple[tuple[Direction, int], ...]
    settings = (("maximize", 1), ("minimize", 1), ("maximize", 3))
    for direction, workers in settings:
        strategy = subject.prepared(direction)
        with subject.study(direction) as study:
            for trial, values in search(partial(_same, strategy), study, NUM_TRIALS, workers):
                what = f"trial {trial.number} ({direction}, {workers} at once)"
                _expect_in_distributions(values, what)
                stored = study.get_trials(deepcopy=False)[trial.number].params
                expect(stored == values, f"{what}, the ledger", stored, f"{values}, what is active")


def check_epochs_and_exhausted(subject: StrategySubject) -> None:
    """`epochs` leaves a trial's epochs alone or lowers them; `exhausted` says yes or no."""
    strategy = subject.prepared()
    with subject.study("maximize") as study:
        for trial, _ in search(partial(_same, strategy), study, NUM_TRIALS):
            epochs, what = strategy.epochs(study, trial.number), f"epochs of trial {trial.number}"
            sound = epochs is None or (isinstance(epochs, int) and 1 <= epochs <= EPOCHS)
            expect(sound, what, repr(epochs), f"None or 1 to {EPOCHS}")
            again = subject.prepared().epochs(study, trial.number)
            expect(epochs == again, f"{what}, after a kill", repr(again), repr(epochs))
            done = strategy.exhausted(study)
            expect(isinstance(done, bool), "exhausted", repr(done), "True or False")


def check_takes_advice(subject: StrategySubject) -> None:
    """One that says that it takes advice completes trials of which the component is fixed: the
    rest lies in its distributions, and is not the same every time.
    """
    strategy = subject.prepared()
    if not strategy.takes_advice:
        return
    seen: set[float] = set()
    with subject.study("maximize") as study:
        for number in range(NUM_TRIALS):
            advised = ("small", "large")[number % 3 == 0]
            study.enqueue_trial({"backbone": advised})
            study.sampler = Fresh(strategy)
            trial = study.ask()
            values, what = choose(trial), f"advised trial {number}"
            expect(values["backbone"] == advised, what, values["backbone"], advised)
            _expect_in_distributions(values, what)
            seen.add(values["learning_rate"])
            finish(study, trial, number)
    expect(len(seen) > NUM_TRIALS // 2, "what is not advised", f"{len(seen)} values", "more")


def check_pruner_answers(subject: StrategySubject) -> None:
    """After any epoch, of the first trial as of later ones, the pruner says yes or no."""
    with subject.study("maximize") as study:
        for number in range(8):
            trial = study.ask()
            for epoch in range(1, 6):
                trial.report(0.5 + 0.01 * epoch - 0.05 * number, epoch)
                answer = trial.should_prune()
                what = f"pruner at trial {number}, epoch {epoch}"
                # Optuna's own pruners answer in NumPy's booleans.
                expect(isinstance(answer, bool | np.bool), what, repr(answer), "True or False")
            study.tell(trial, 0.55 - 0.05 * number)


def _same(strategy: Strategy) -> Strategy:
    return strategy


def _proposals(
    subject: StrategySubject,
    direction: Direction,
    make: Callable[[], Strategy],
    killed: bool = False,
) -> list[dict[str, Any]]:
    with subject.study(direction) as study:
        return [values for _, values in search(make, study, NUM_TRIALS, killed=killed)]


def _expect_equal(first: Any, again: Any, when: str, direction: Direction) -> None:
    for number, (one, other) in enumerate(zip(first, again, strict=True)):
        what = f"proposal {number} ({direction})"
        expect(one == other, what, f"{other} {when}", f"{one}")


def _expect_in_distributions(values: Mapping[str, Any], what: str) -> None:
    for parameter in SPACE:
        if parameter.name in values:
            value, distribution = values[parameter.name], parameter.distribution
            where = f"{what}, `{parameter.name}`"
            expect(contains(distribution, value), where, repr(value), f"a value of {distribution}")


CHECKS = (
    check_spec,
    check_has_sampler_and_pruner,
    check_repeats_itself,
    check_resumes,
    check_searches_a_conditional_space,
    check_epochs_and_exhausted,
    check_takes_advice,
    check_pruner_answers,
)
