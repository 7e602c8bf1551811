"""The loop, with an executor whose jobs do what a test tells them."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from space_parts import Dense, Plain
from test_space import option

from automedimg.contracts import (
    Decision,
    Event,
    Executor,
    Message,
    MetricSpec,
    Outline,
    RunContext,
    ScoreSpec,
    Strategy,
    TrialSpec,
    TrialStarted,
)
from automedimg.errors import RunError
from automedimg.search.decisions import Decisions, read_decisions
from automedimg.search.ledger import Ledger, open_ledger, quieten_optuna
from automedimg.search.orchestrator import MAX_DEATHS, Orchestrator
from automedimg.search.plan import Plan
from automedimg.search.space import SearchSpace
from automedimg.search.stopping import Clock, Limits, Stop
from automedimg.training import checkpoint

quieten_optuna()

Script = Callable[[TrialSpec, int], list[tuple[str, dict[str, Any]]]]
"""What a job says, given its spec and how often its trial was submitted before."""


class Scripted(Executor):
    """Plays scripts; keeps what it was asked and answered."""

    def __init__(self, script: Script, slots: int = 1) -> None:
        self.script, self.slots = script, slots
        self.specs: list[TrialSpec] = []
        self.answers: list[tuple[int, Decision]] = []
        self.due: deque[Message] = deque()

    @property
    def num_slots(self) -> int:
        return self.slots

    @property
    def devices(self) -> tuple[str, ...]:
        return ("cpu",) * self.slots

    def start(self, context: RunContext) -> None: ...

    def submit(self, job: TrialSpec | ScoreSpec) -> int:
        assert isinstance(job, TrialSpec)
        before = sum(spec.number == job.number for spec in self.specs)
        self.specs.append(job)
        number = len(self.specs)
        self.due += [Message(k, number, d) for k, d in self.script(job, before)]  # type: ignore[arg-type]
        return number

    def messages(self, timeout_s: float) -> Iterator[Message]:
        while self.due:
            yield self.due.popleft()

    def answer(self, job: int, decision: Decision) -> None:
        self.answers.append((self.specs[job - 1].number, decision))

    def cancel(self, job: int, *, grace_s: float = 10.0) -> None: ...

    def close(self) -> None: ...


class Drawing(Strategy):
    """Random draws; prunes what is below a half at epoch 2."""

    def sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.RandomSampler(seed=seed)

    def pruner(self) -> optuna.pruners.BasePruner:
        return optuna.pruners.ThresholdPruner(lower=0.5, n_warmup_steps=2)


def epoch(number: int, value: float) -> tuple[str, dict[str, Any]]:
    return "epoch", {"epoch": number, "epochs": 3, "value": value, "loss": 1.0}


def done(value: float | None, state: str = "complete") -> tuple[str, dict[str, Any]]:
    return "finished", {"state": state, "value": value, "validation": {"log_loss": 1.0}}


def broken(cause: str = "", kind: str = "failed") -> tuple[str, dict[str, Any]]:
    return kind, {"reason": f"broken by {cause or 'chance'}", "cause": cause}


class Setting:
    """A run directory and what is wanted of it."""

    def __init__(self, folder: Path, trials: int = 3, trial_time_s: float | None = None) -> None:
        self.folder, self.limits = folder, Limits(trials=trials)
        self.trial_time_s = trial_time_s
        self.events: list[Event] = []
        self.defaults: list[dict[str, Any]] = []

    def run(self, executor: Executor, strategy: Strategy | None = None) -> Stop:
        """Run a session."""
        space = SearchSpace(
            {"plain": option(Plain())},
            {"dense": Dense()},
            {"learning_rate": FloatDistribution(1e-5, 1e-2, log=True)},
            {},
        )
        strategy = strategy or Drawing()
        strategy.prepare(Outline(space.parameters(), self.defaults, 0, 3, True))
        metric = MetricSpec("auc", "AUC", lambda: None, direction="maximize")  # type: ignore[arg-type, return-value]
        plan = Plan(
            self.folder, metric, 0, self.limits, 3, 8, self.trial_time_s, 10.0, self.defaults
        )
        self.study = open_ledger(self.folder, "maximize")
        self.ledger = Ledger(self.study, True)
        return Orchestrator(
            plan,
            self.ledger,
            space,
            strategy,
            executor,
            self.events.append,
            Clock(None),
            Decisions(self.folder),
        ).run()

    def states(self) -> list[tuple[int, str, float | None]]:
        return [(r.number, r.state, r.value) for r in self.ledger.finished]


def test_trials_run_until_there_are_enough(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    stop = setting.run(Scripted(lambda spec, _: [epoch(1, 0.6), done(0.1 * spec.number)]))
    assert stop == Stop("trials", "3 of 3 trials are done")
    assert setting.states() == [(0, "complete", 0.0), (1, "complete", 0.1), (2, "complete", 0.2)]


def test_never_more_trials_at_once_than_are_wanted(tmp_path: Path) -> None:
    setting = Setting(tmp_path, trials=5)
    executor = Scripted(lambda spec, _: [done(0.5)], slots=4)
    setting.run(executor)
    assert [spec.number for spec in executor.specs] == [0, 1, 2, 3, 4]


def test_a_lost_trial_runs_again_and_its_epochs_are_reported_once(tmp_path: Path) -> None:
    def script(spec: TrialSpec, before: int) -> list[tuple[str, dict[str, Any]]]:
        if spec.number == 1 and before == 0:
            return [epoch(1, 0.6), epoch(2, 0.7), broken(kind="lost")]
        return [epoch(1, 0.6), epoch(2, 0.7), epoch(3, 0.8), done(0.8)]

    setting, executor = Setting(tmp_path), Scripted(script)
    setting.run(executor)
    assert [spec.number for spec in executor.specs] == [0, 1, 1, 2]
    assert executor.specs[1] == executor.specs[2]
    assert setting.states()[1] == (1, "complete", 0.8)
    assert setting.study.trials[1].intermediate_values == {1: 0.6, 2: 0.7, 3: 0.8}


def test_a_trial_that_is_lost_for_ever_is_given_up(tmp_path: Path) -> None:
    def script(spec: TrialSpec, before: int) -> list[tuple[str, dict[str, Any]]]:
        return [broken(kind="lost")] if spec.number == 0 else [done(0.5)]

    setting, executor = Setting(tmp_path, trials=2), Scripted(script)
    setting.run(executor)
    assert [spec.number for spec in executor.specs] == [0] * (MAX_DEATHS + 1) + [1]
    assert setting.states()[0] == (0, "failed", None)


def test_a_lost_trial_that_gets_on_is_not_given_up(tmp_path: Path) -> None:
    def script(spec: TrialSpec, before: int) -> list[tuple[str, dict[str, Any]]]:
        done_now = [epoch(n, 0.6) for n in range(1, before + 2)]
        return [*done_now, broken(kind="lost") if before < 9 else done(0.9)]

    setting = Setting(tmp_path, trials=1)
    setting.run(Scripted(script))
    assert setting.states() == [(0, "complete", 0.9)]


def test_out_of_memory_is_tried_once_with_half_the_batch(tmp_path: Path) -> None:
    def script(spec: TrialSpec, before: int) -> list[tuple[str, dict[str, Any]]]:
        if spec.number == 0:
            return [broken("memory")] if before == 0 else [done(0.7)]
        return [broken("memory")] if spec.number == 1 else [done(0.5)]

    setting, executor = Setting(tmp_path), Scripted(script)
    setting.run(executor)
    asked = [(spec.number, spec.accumulate) for spec in executor.specs]
    assert asked == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1)]
    assert setting.states()[:2] == [(0, "complete", 0.7), (1, "failed", None)]
    reason = setting.ledger.finished[1].reason
    assert reason == "oom: broken by memory, with half the batch too"


def test_a_full_disk_ends_the_session_and_costs_no_trial(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    with pytest.raises(RunError, match="no space is left"):
        setting.run(Scripted(lambda spec, _: [done(0.5)] if spec.number == 0 else [broken("disk")]))
    assert setting.states() == [(0, "complete", 0.5)]
    setting.run(Scripted(lambda spec, _: [done(0.6)]))
    assert setting.states() == [(0, "complete", 0.5), (1, "complete", 0.6), (2, "complete", 0.6)]


def test_what_was_decided_before_a_kill_is_not_decided_anew(tmp_path: Path) -> None:
    """Trial 0 was below the pruner's line at epoch 1, when nobody prunes, and is taken up again."""
    setting = Setting(tmp_path, trials=1)

    class Killed(Exception):
        pass

    class Dying(Scripted):
        def answer(self, job: int, decision: Decision) -> None:
            super().answer(job, decision)
            if len(self.answers) == 1:
                raise Killed

    with pytest.raises(Killed):
        setting.run(Dying(lambda *_: [epoch(1, 0.4)]))
    again = Scripted(lambda *_: [epoch(1, 0.4), epoch(2, 0.3), done(0.4, "pruned")])
    setting.run(again)
    assert again.answers == [(0, "continue"), (0, "prune")]
    assert setting.states() == [(0, "pruned", 0.4)]
    kinds = [d["decision"] for d in read_decisions(tmp_path) if d.get("trial") == 0]
    assert kinds == ["propose", "resume", "prune", "record"]


def test_an_older_checkpoint_repeats_epochs_without_judging_them_anew(tmp_path: Path) -> None:
    """Pruned at epoch 3, killed before that was recorded, taken up again after epoch 1."""
    setting = Setting(tmp_path, trials=1)

    class Killed(Exception):
        pass

    class Dying(Scripted):
        def answer(self, job: int, decision: Decision) -> None:
            super().answer(job, decision)
            if decision == "prune":
                raise Killed

    with pytest.raises(Killed):
        setting.run(Dying(lambda *_: [epoch(1, 0.6), epoch(2, 0.6), epoch(3, 0.4)]))
    again = Scripted(lambda *_: [epoch(2, 0.6), epoch(3, 0.4), done(0.6, "pruned")])
    setting.run(again)
    assert again.answers == [(0, "continue"), (0, "prune")]


def test_what_a_signal_cuts_off_is_left_for_the_next_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Scripted):
        """Ctrl-C comes while trial 1 runs; it stops at the epoch that it has."""

        def messages(self, timeout_s: float) -> Iterator[Message]:
            yield from super().messages(timeout_s)
            if len(self.specs) == 2 and not self.due:
                os.kill(os.getpid(), signal.SIGINT)

        def cancel(self, job: int, *, grace_s: float = 10.0) -> None:
            data = {"state": "complete", "value": 0.3, "reason": "cancelled", "validation": {}}
            self.due.append(Message("finished", job, data))

    setting = Setting(tmp_path)
    first = Interrupted(lambda spec, _: [done(0.5)] if spec.number == 0 else [epoch(1, 0.3)])
    assert setting.run(first).rule == "interrupted"
    assert setting.states() == [(0, "complete", 0.5)]
    again = Scripted(lambda *_: [done(0.8)])
    setting.run(again)
    assert [spec.number for spec in again.specs] == [1, 2]
    assert setting.states() == [(0, "complete", 0.5), (1, "complete", 0.8), (2, "complete", 0.8)]


def test_a_strategy_that_raises_is_named(tmp_path: Path) -> None:
    class Raising(Drawing):
        def sampler(self, seed: int) -> optuna.samplers.BaseSampler:
            raise ZeroDivisionError("no idea")

    setting = Setting(tmp_path)
    with pytest.raises(RunError, match="strategy or the ledger failed: ZeroDivisionError: no idea"):
        setting.run(Scripted(lambda *_: [done(0.5)]), Raising())
    setting.run(Scripted(lambda *_: [done(0.5)]))
    assert len(setting.states()) == 3


def test_a_kill_between_the_two_steps_of_an_end_is_made_up_for(tmp_path: Path) -> None:
    setting = Setting(tmp_path, trials=2)
    setting.run(Scripted(lambda *_: [done(0.5)]))
    journal = tmp_path / "study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))  # the last line told the study
    assert [t.state.name for t in open_ledger(tmp_path, "maximize").trials] == [
        *("COMPLETE", "RUNNING")
    ]
    again = Scripted(lambda *_: [done(0.9)])
    setting.run(again)
    assert again.specs == []
    assert setting.states() == [(0, "complete", 0.5), (1, "complete", 0.5)]


def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order in which trials finish is recorded, not told from their times."""
    real = time.time
    hours = iter([5, -7, 100, -1000] * 10_000)
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * next(hours))
    setting = Setting(tmp_path, trials=6)
    setting.run(Scripted(lambda spec, _: [done(0.1 * spec.number)]))
    for trial in setting.study.get_trials(deepcopy=False):
        trial.datetime_complete = None
    setting.ledger.refresh()
    assert [number for number, _, _ in setting.states()] == list(range(6))


def test_a_score_that_is_no_number_is_a_failure(tmp_path: Path) -> None:
    setting = Setting(tmp_path, trials=2)
    setting.run(Scripted(lambda spec, _: [done(float("nan") if spec.number else 0.5)]))
    assert setting.states() == [(0, "complete", 0.5), (1, "failed", None)]
    assert setting.ledger.finished[1].reason == "not a number: the score"


def test_an_exhausted_strategy_ends_the_search(tmp_path: Path) -> None:
    class Short(Drawing):
        def exhausted(self, study: optuna.Study) -> bool:
            return len(study.get_trials(deepcopy=False)) >= 2

        def epochs(self, study: optuna.Study, number: int) -> int | None:
            return number + 1

    setting, executor = Setting(tmp_path, trials=9), Scripted(lambda *_: [done(0.5)])
    stop = setting.run(executor, Short())
    assert stop.rule == "exhausted"
    assert [spec.epochs for spec in executor.specs] == [1, 2]


def test_defaults_come_first_and_once(tmp_path: Path) -> None:
    setting = Setting(tmp_path, trials=2)
    setting.defaults = [{"learning_rate": rate} for rate in (0.001, 0.002, 0.003)]
    executor = Scripted(lambda *_: [done(0.5)])
    setting.run(executor)
    setting.limits = Limits(trials=4)
    setting.run(executor)
    rates = [spec.fit["learning_rate"] for spec in executor.specs]
    assert rates[:3] == [0.001, 0.002, 0.003]
    assert len(rates) == 4
    assert sum(isinstance(event, TrialStarted) for event in setting.events) == 4


def test_a_trial_that_is_taken_up_has_only_what_is_left_of_its_time(tmp_path: Path) -> None:
    """Its checkpoint says what it rests on."""
    setting = Setting(tmp_path, trials=1, trial_time_s=100.0)

    class Killed(Exception):
        pass

    class Dying(Scripted):
        def answer(self, job: int, decision: Decision) -> None:
            path = tmp_path / "trials" / "0000" / checkpoint.FILE
            checkpoint.write(path, "mark", checkpoint.Checkpoint({"trial_s": 70.0}, {}))
            raise Killed

    first = Dying(lambda *_: [epoch(1, 0.4)])
    with pytest.raises(Killed):
        setting.run(first)
    again = Scripted(lambda *_: [done(0.4)])
    setting.run(again)
    assert [spec.time_limit_s for spec in (*first.specs, *again.specs)] == [100.0, 30.0]
