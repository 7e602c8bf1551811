"""The loop: ask the strategy for a trial, run it, record it, until something says stop."""

from __future__ import annotations

import hashlib
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from automedimg.contracts import (
    Decision,
    EpochFinished,
    Event,
    Executor,
    Message,
    MetricSpec,
    Strategy,
    TrialFinished,
    TrialResult,
    TrialSpec,
    TrialStarted,
)
from automedimg.search import models
from automedimg.search.interrupt import interruptible
from automedimg.search.ledger import in_finishing_order, results, to_result
from automedimg.search.space import Choice, SearchSpace
from automedimg.search.stopping import Clock, Limits, best_of, reason_to_stop

POLL_S = 0.5
FINETUNE_EPOCHS = 10
"""Most epochs of fine-tuning: pretrained features need few, and more only cost time."""

MAX_DEATHS = 3
"""Killed searches after which a trial that ran in all of them is not taken up again."""

GRACE_S = 45.0
"""Seconds past its limit after which a trial's worker is killed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the loop needs to know beside the space.

    Args:
        folder: The run directory.
        metric: The metric that selects.
        seed: The search's seed.
        limits: When to stop.
        epochs: Most epochs a trial.
        epoch_patience: Epochs without improvement that end a trial.
        trial_time_s: Most seconds a trial; None is unlimited.
        defaults: Configurations by ledger name that are tried first.
    """

    folder: Path
    metric: MetricSpec
    seed: int
    limits: Limits
    epochs: int
    epoch_patience: int
    trial_time_s: float | None
    defaults: Sequence[dict[str, Any]]

    @property
    def maximize(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric.direction == "maximize"


@dataclass(slots=True)
class _Running:
    trial: Trial
    choice: Choice
    started: float
    limit_s: float | None


class Orchestrator:
    """Runs one session of a search.

    Args:
        plan: What is wanted.
        study: The ledger; nobody else writes to it.
        space: What may be chosen.
        strategy: What chooses.
        executor: Started; where trials run.
        emit: Hears every event.
        clock: Of this session.
    """

    def __init__(
        self,
        plan: Plan,
        study: optuna.Study,
        space: SearchSpace,
        strategy: Strategy,
        executor: Executor,
        emit: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self._plan, self._study, self._space = plan, study, space
        self._strategy, self._executor = strategy, executor
        self._emit, self._clock = emit, clock
        self._running: dict[int, _Running] = {}
        self._stopping = ""
        self._orphans = deque(_unfinished(study))
        study.pruner = strategy.pruner()

    def run(self) -> str:
        """Run trials until a limit is reached, or Ctrl-C; return which one it was.

        A first Ctrl-C lets running trials end at the epoch they have; a second leaves at once.
        """
        with interruptible() as interrupt:
            while True:
                if interrupt.is_set() and self._stopping != "interrupted":
                    self._stop("interrupted")
                self._check_limits()
                if not self._running and not self._stopping and not self._clock.worth_starting():
                    self._stop("time")
                while self._may_start():
                    self._start(self._ask())
                if not self._running:
                    return self._stopping
                for message in self._executor.messages(POLL_S):
                    self._handle(message)

    def _may_start(self) -> bool:
        """Whether another trial is to be started now."""
        return (
            not self._stopping
            and len(self._running) < self._free_slots()
            and self._clock.worth_starting()
        )

    def _free_slots(self) -> int:
        """Slots to fill; never more trials at once than are still wanted."""
        wanted = self._plan.limits.trials
        if wanted is None:
            return self._executor.num_slots
        return min(self._executor.num_slots, wanted - len(results(self._study)))

    def _check_limits(self) -> None:
        if self._stopping:
            return
        finished = in_finishing_order(self._study)
        reason = reason_to_stop(finished, self._plan.limits, self._clock, self._plan.maximize)
        if reason:
            self._stop(reason)
        for job, running in self._running.items():
            limit = running.limit_s
            if limit is not None and time.monotonic() - running.started > limit + GRACE_S:
                self._executor.cancel(job, grace_s=0.0)

    def _stop(self, reason: str) -> None:
        self._stopping = reason
        for job in self._running:
            self._executor.cancel(job)

    def _ask(self) -> Trial:
        """Ask the strategy; its seed depends on the trial's number, so a resume changes nothing.

        Trials that a kill left running come first, under their own numbers.
        """
        if self._orphans:
            orphan = self._orphans.popleft()
            self._study.sampler = self._strategy.sampler(
                derive_seed(self._plan.seed, orphan.number)
            )
            if orphan.state is TrialState.WAITING:
                return self._study.ask()
            return Trial(self._study, orphan._trial_id)
        number = len(self._study.get_trials(deepcopy=False))
        if number < len(self._plan.defaults):
            self._study.enqueue_trial(self._plan.defaults[number])
        self._study.sampler = self._strategy.sampler(derive_seed(self._plan.seed, number))
        return self._study.ask()

    def _start(self, trial: Trial) -> None:
        choice = self._space.choose(trial)
        trial.set_user_attr("params", choice.params)
        folder = models.trial_folder(self._plan.folder, trial.number)
        folder.mkdir(parents=True, exist_ok=True)
        limit = self._limit()
        weights = None
        if choice.train != "scratch":
            weights = self._space.backbones[choice.backbone].weights_for(choice.backbone_values)
        spec = TrialSpec(
            number=trial.number,
            seed=derive_seed(self._plan.seed, trial.number),
            backbone=choice.backbone,
            head=choice.head,
            train=choice.train,
            backbone_values=choice.backbone_values,
            head_values=choice.head_values,
            fit=choice.fit,
            weights=None if weights is None else str(weights),
            epochs=self._epochs(choice),
            patience=self._plan.epoch_patience,
            folder=str(folder),
            time_limit_s=limit,
        )
        job = self._executor.submit(spec)
        self._running[job] = _Running(trial, choice, time.monotonic(), limit)
        self._emit(TrialStarted(trial.number, choice.params))

    def _epochs(self, choice: Choice) -> int:
        if choice.train == "finetune":
            return min(self._plan.epochs, FINETUNE_EPOCHS)
        return self._plan.epochs

    def _limit(self) -> float | None:
        limits = [self._plan.trial_time_s, self._clock.left()]
        known = [limit for limit in limits if limit is not None]
        return max(1.0, min(known)) if known else None

    def _handle(self, message: Message) -> None:
        running = self._running.get(message.job)
        if running is None:
            return
        if message.kind == "started":
            running.started = time.monotonic()
        elif message.kind == "epoch":
            self._executor.answer(message.job, self._judge_epoch(running, message))
        elif message.kind == "scored":
            self._executor.answer(message.job, self._judge_model(running, message))
        elif message.kind == "finished":
            self._record(message.job, dict(message.data))
        else:
            seconds = round(time.monotonic() - running.started, 3)
            failure = {"state": "failed", "reason": message.data["reason"], "seconds": seconds}
            self._record(message.job, failure)

    def _judge_epoch(self, running: _Running, message: Message) -> Decision:
        data = message.data
        epoch, value = int(data["epoch"]), float(data["value"])
        # A trial taken up again reports epochs that the ledger knows already.
        if (
            epoch
            not in self._study.get_trials(deepcopy=False)[running.trial.number].intermediate_values
        ):
            running.trial.report(value, epoch)
        self._emit(
            EpochFinished(running.trial.number, epoch, int(data["epochs"]), value, data["loss"])
        )
        if self._stopping:
            return "stop"
        return "prune" if running.trial.should_prune() else "continue"

    def _judge_model(self, running: _Running, message: Message) -> Decision:
        result = TrialResult(
            number=running.trial.number,
            state="complete",
            value=float(message.data["value"]),
            validation={"log_loss": float(message.data["log_loss"])},
        )
        kept = models.worth_keeping([*results(self._study), result], self._plan.maximize)
        return "keep" if result.number in kept else "drop"

    def _record(self, job: int, data: dict[str, Any]) -> None:
        running = self._running.pop(job)
        before = best_of(results(self._study), self._plan.maximize)
        state, value = data.pop("state"), data.get("value")
        if state != "failed" and (value is None or not math.isfinite(value)):
            state, data = "failed", {"reason": "not a number: the score"}
        running.trial.set_user_attr("result", data)
        if state == "complete":
            self._study.tell(running.trial, value)
        else:
            told = TrialState.PRUNED if state == "pruned" else TrialState.FAIL
            self._study.tell(running.trial, state=told)
        finished = results(self._study)
        models.drop_losers(self._plan.folder, finished, self._plan.maximize)
        now = best_of(finished, self._plan.maximize)
        frozen = self._study.get_trials(deepcopy=False)[running.trial.number]
        leads = now is not None and now.number == frozen.number and now != before
        self._emit(TrialFinished(to_result(frozen), leads))


def _unfinished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials to take up again; one that was running whenever the search died is given up."""
    orphans = []
    for trial in study.get_trials(deepcopy=False):
        if trial.state is TrialState.WAITING:
            orphans.append(trial)
        elif trial.state is TrialState.RUNNING:
            live, deaths = Trial(study, trial._trial_id), trial.user_attrs.get("deaths", 0) + 1
            live.set_user_attr("deaths", deaths)
            if deaths <= MAX_DEATHS:
                orphans.append(trial)
            else:
                reason = f"the search was killed {deaths} times while it ran"
                live.set_user_attr("result", {"reason": reason})
                study.tell(live, state=TrialState.FAIL)
    return orphans


def derive_seed(seed: int, number: int) -> int:
    """A seed in [0, 2^32) for trial `number` of a search with `seed`."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
