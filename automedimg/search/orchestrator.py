"""The loop: ask the strategy for a trial, run it, record it, until something says stop."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from optuna.trial import FrozenTrial, Trial

from automedimg.contracts import (
    Decision,
    EpochFinished,
    Event,
    Executor,
    FittedHead,
    Message,
    Notice,
    Strategy,
    TrialFinished,
    TrialResult,
    TrialSpec,
    TrialStarted,
)
from automedimg.errors import AutomedimgError, RunError
from automedimg.search import models
from automedimg.search.decisions import Decisions
from automedimg.search.interrupt import interruptible
from automedimg.search.ledger import Ledger, is_finite
from automedimg.search.plan import Plan
from automedimg.search.presence import Presence
from automedimg.search.proposing import Proposer
from automedimg.search.space import SearchSpace
from automedimg.search.stopping import Clock, Stop, reason_to_stop
from automedimg.search.thrift import Thrift
from automedimg.training.checkpoint import FILE as CHECKPOINT
from automedimg.training.checkpoint import seconds_in

POLL_S = 0.5

GRACE_S = 45.0
"""Seconds past its limit after which a trial's worker is killed."""

LEADERLESS = "leaderless"
"""Rule of a process that has joined another one, which is gone."""

MAX_DEATHS = 5
"""Times in a row that a trial may be cut off without an epoch before it is given up."""


@dataclass(slots=True)
class _Running:
    trial: Trial
    spec: TrialSpec
    known_epoch: int
    """The last epoch that the ledger knows of."""
    submitted: float
    started: float | None = None
    """When a worker began with it."""


class Orchestrator:
    """Runs one session of a search.

    Args:
        plan: What is wanted.
        ledger: Only this object writes to it, unless it is shared.
        space: What may be chosen.
        strategy: What chooses; prepared.
        executor: Started; where trials run.
        emit: Hears every event.
        clock: Of this session.
        decisions: The log.
        leads: Whether trials that were left running are this process's to go on with. Of several
            that share a ledger, one leads.
        take_lead: Where it doesn't: tries to take the place of the process that did, and returns
            whether it has.
        thrift: Advises which components to try next; None leaves that to the strategy, too.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        space: SearchSpace,
        strategy: Strategy,
        executor: Executor,
        emit: Callable[[Event], None],
        clock: Clock,
        decisions: Decisions,
        *,
        leads: bool = True,
        take_lead: Callable[[], bool] = lambda: False,
        thrift: Thrift | None = None,
    ) -> None:
        self._thrift = thrift
        self._plan, self._ledger, self._space = plan, ledger, space
        self._strategy, self._executor = strategy, executor
        self._emit, self._clock, self._decisions = emit, clock, decisions
        self._running: dict[int, _Running] = {}
        self._stop: Stop | None = None
        self._checked = -1
        ledger.study.sampler = Proposer(strategy.sampler, plan.seed)
        ledger.study.pruner = strategy.pruner()
        self._leads, self._presence = leads, Presence(ledger.study) if ledger.shared else None
        self._take_lead = take_lead
        self._orphans: deque[FrozenTrial] = deque()
        self._already = len(ledger.finished)
        if leads:
            self._begin()

    def _begin(self) -> None:
        """Clear up what a kill left behind, and see what is to be gone on with."""
        if self._presence is None:
            self._ledger.settle()
            self._orphans.extend(self._ledger.unfinished())
        else:
            self._presence.lead()
        self._ledger.enqueue(self._plan.defaults)
        finished, shared = self._ledger.finished, self._ledger.shared
        models.sweep(self._plan.folder, finished, self._plan.maximize, shared=shared)

    def run(self) -> Stop:
        """Run trials until a limit is reached, or Ctrl-C; return which one it was.

        A first Ctrl-C leaves running trials for the next session; a second leaves at once.

        Raises:
            RunError: the disk is full, or the strategy or the ledger's server failed.
        """
        with interruptible() as interrupt:
            while True:
                if interrupt.is_set():
                    self._end(Stop("interrupted", "by you, or by a signal"))
                self._look_around()
                self._check_limits()
                while self._may_start():
                    self._start_next()
                if not self._running:
                    self._check_limits()
                    if self._stop is None:
                        self._end(self._nothing_to_do())
                    if self._stop is not None:
                        return self._stop
                for message in self._executor.messages(POLL_S):
                    self._handle(message)

    def _look_around(self) -> None:
        """Say that this process is alive, and adopt the trials of those that aren't."""
        if self._presence is None:
            return
        self._presence.beat()
        if not self._leads and self._take_lead():
            self._leads = True
            self._decisions.log("lead", why="the process that led this search is gone")
            self._begin()
        if self._leads and not self._orphans:
            mine = {running.trial.number for running in self._running.values()}
            left = self._presence.orphans(self._ledger.unfinished())
            self._orphans.extend(trial for trial in left if trial.number not in mine)

    def _nothing_to_do(self) -> Stop | None:
        """Why nothing runs and nothing may start; None if others are still at work."""
        if not self._clock.worth_starting():
            return Stop("time", "no time is left for another trial")
        if self._strategy.exhausted(self._ledger.study):
            return Stop("exhausted", "the strategy has nothing left to propose")
        if self._presence is not None:
            self._ledger.refresh()
            if not self._presence.is_led():
                return Stop(LEADERLESS, "the process that led this search is gone")
        return None

    def _may_start(self) -> bool:
        """Whether another trial is to be started now."""
        if self._stop is not None or len(self._running) >= self._executor.num_slots:
            return False
        if not self._clock.worth_starting():
            return False
        wanted = self._plan.limits.trials
        if self._orphans:
            return wanted is None or len(self._running) < wanted - len(self._ledger.finished)
        if wanted is not None and self._ledger.begun() >= wanted:
            return False
        with self._strategys_fault():
            return not self._strategy.exhausted(self._ledger.study)

    def _check_limits(self) -> None:
        finished = self._ledger.finished
        if self._stop is None and (self._clock.is_over() or len(finished) != self._checked):
            self._checked = len(finished)
            self._end(
                reason_to_stop(
                    finished,
                    self._plan.limits,
                    self._clock,
                    self._plan.maximize,
                    self._already,
                )
            )
        for job, running in self._running.items():
            limit = running.spec.time_limit_s
            begun = running.started
            if limit and begun is not None and time.monotonic() - begun > limit + GRACE_S:
                self._executor.cancel(job, grace_s=0.0)

    def _end(self, stop: Stop | None) -> None:
        if stop is None or self._stop is not None:
            return
        self._stop = stop
        self._decisions.log("stop", rule=stop.rule, why=stop.why, running=len(self._running))
        for job in self._running:
            self._executor.cancel(job)

    def _start_next(self) -> None:
        """Start a trial: one that was cut off, under its own number, or a new one."""
        if self._orphans:
            self._take_up(self._orphans.popleft())
            return
        with self._strategys_fault():
            self._take_advice()
            trial = self._ledger.study.ask()
        wanted = self._plan.limits.trials
        if self._ledger.shared and wanted is not None and self._ledger.drop_surplus(trial, wanted):
            self._ledger.refresh()
            return
        self._start(trial, known_epoch=0)

    def _take_advice(self) -> None:
        """Queue what brings the most for its time, unless a kill left something in the queue."""
        left = self._clock.left()
        if self._thrift is None or left is None or self._ledger.has_waiting():
            return
        running = [one.trial.user_attrs["params"] for one in self._running.values()]
        advice = self._thrift.advise(self._ledger.finished, running, left)
        self._decisions.log(
            "advise",
            way=advice.way,
            expected_gain=round(advice.gain, 6),
            expected_s=round(advice.cost_s, 3),
        )
        self._ledger.study.enqueue_trial(advice.params)

    def _take_up(self, orphan: FrozenTrial) -> None:
        """Go on with a trial that a kill cut off, unless it dies again and again."""
        trial, known = self._ledger.take_up(orphan), orphan.last_step or 0
        deaths = _one_more_death(trial, known)
        if deaths > MAX_DEATHS:
            reason = f"the search was killed {deaths} times while it ran"
            self._decisions.log("give up", orphan.number, why=reason)
            self._recorded(self._ledger.record(trial, {"state": "failed", "reason": reason}))
            return
        self._decisions.log("resume", orphan.number, deaths=deaths, epochs=known)
        self._start(trial, known)

    def _start(self, trial: Trial, known_epoch: int) -> None:
        if self._presence is not None:
            self._presence.sign(trial)
        with self._strategys_fault():
            choice = self._space.choose(trial)
            epochs = self._strategy.epochs(self._ledger.study, trial.number)
        if "params" not in trial.user_attrs:
            trial.set_user_attr("params", choice.params)
            self._decisions.log("propose", trial.number, params=choice.params)
        spec = self._plan.job(
            trial.number,
            choice,
            self._space,
            epochs=epochs,
            limit_s=self._limit(trial.number),
            accumulate=trial.user_attrs.get("accumulate", 1),
        )
        models.trial_folder(self._plan.folder, trial.number).mkdir(parents=True, exist_ok=True)
        self._submit(_Running(trial, spec, known_epoch, time.monotonic()))
        self._emit(TrialStarted(trial.number, choice.params))

    @contextmanager
    def _strategys_fault(self) -> Iterator[None]:
        """Name the strategy in what it raises; the trial is taken up again by the next session."""
        try:
            yield
        except (AutomedimgError, KeyboardInterrupt, OSError):
            raise
        # It is anybody's code, or a server that went away under it.
        except Exception as error:
            raise RunError(
                f"the strategy or the ledger failed: {type(error).__name__}: {error}",
                f"nothing is lost: `automedimg resume {self._plan.folder}` tries again",
            ) from error

    def _submit(self, running: _Running) -> None:
        running.started = None
        self._running[self._executor.submit(running.spec)] = running

    def _limit(self, number: int) -> float | None:
        """Seconds that a trial may take from now on; what its checkpoint rests on counts."""
        limits = [self._plan.trial_time_s, self._clock.left()]
        if limits[0] is not None:
            limits[0] -= seconds_in(models.trial_folder(self._plan.folder, number) / CHECKPOINT)
        known = [limit for limit in limits if limit is not None]
        return max(1.0, min(known)) if known else None

    def _handle(self, message: Message) -> None:
        running = self._running.get(message.job)
        if running is None:
            return
        if message.kind == "started":
            running.started = time.monotonic()
        elif message.kind == "epoch" and not self._is_ours(running):
            self._executor.answer(message.job, "stop")
        elif message.kind == "epoch":
            self._executor.answer(message.job, self._judge_epoch(running, message))
        elif message.kind == "scored":
            self._executor.answer(message.job, self._judge_model(running, message))
        else:
            del self._running[message.job]
            if not self._is_ours(running) or self._is_cut_off(message):
                self._decisions.log("leave", running.trial.number, why=message.data["reason"])
            elif message.kind == "finished":
                self._record(running, dict(message.data))
            else:
                self._mishap(running, message)

    def _is_ours(self, running: _Running) -> bool:
        return self._presence is None or self._presence.owns(running.trial.number)

    def _is_cut_off(self, message: Message) -> bool:
        """Whether a trial ended only because the search did: a further session goes on with it.

        Where a limit ends the search, a trial that has an epoch counts with the best it has.
        """
        if self._stop is None:
            return False
        cut = message.kind == "lost" or message.data.get("cause") == "time"
        asked = message.kind == "finished" and message.data.get("reason") == "cancelled"
        return cut or (asked and self._stop.rule == "interrupted")

    def _judge_epoch(self, running: _Running, message: Message) -> Decision:
        data, trial = message.data, running.trial
        epoch, value = int(data["epoch"]), float(data["value"])
        # A trial that was taken up again repeats epochs that the ledger knows already, and the
        # search went on with it after each but the last.
        known, running.known_epoch = running.known_epoch, max(running.known_epoch, epoch)
        # A fitted head's only epoch is its end: no first one of others compares with it.
        fitted = isinstance(self._space.heads[running.spec.head], FittedHead)
        if epoch > known and not fitted:
            trial.report(value, epoch)
        self._emit(EpochFinished(trial.number, epoch, int(data["epochs"]), value, data["loss"]))
        if self._stop is not None:
            return "stop"
        if epoch >= known and not fitted and self._should_prune(trial):
            self._decisions.log("prune", trial.number, epoch=epoch, value=value)
            return "prune"
        return "continue"

    def _should_prune(self, trial: Trial) -> bool:
        with self._strategys_fault():
            return bool(trial.should_prune())

    def _judge_model(self, running: _Running, message: Message) -> Decision:
        value = float(message.data["value"])
        result = TrialResult(
            number=running.trial.number,
            state="complete",
            value=value,
            validation={"log_loss": float(message.data["log_loss"])},
        )
        kept = models.worth_keeping([*self._ledger.finished, result], self._plan.maximize)
        decision: Literal["keep", "drop"] = "keep" if result.number in kept else "drop"
        self._decisions.log(decision, result.number, value=value)
        return decision

    def _mishap(self, running: _Running, message: Message) -> None:
        """A trial failed, or the place where it ran went away: once more, or the end of it."""
        number, cause = running.trial.number, message.data.get("cause", "")
        reason = str(message.data["reason"])
        if cause == "disk":
            raise RunError(
                f"no space is left for `{self._plan.folder}`: {reason}",
                f"free some, then `automedimg resume {self._plan.folder}`: nothing is lost",
            )
        if self._stop is None and message.kind == "lost" and self._survives(running):
            self._decisions.log("retry", number, why=reason)
            self._again(running)
            return
        if self._stop is None and cause == "memory" and running.spec.accumulate == 1:
            self._halve(running, reason)
            return
        if cause == "memory":
            again = ", with half the batch too" if running.spec.accumulate > 1 else ""
            reason = f"oom: {reason}{again}"
        begun = running.started if running.started is not None else running.submitted
        seconds = round(time.monotonic() - begun, 3)
        self._record(running, {"state": "failed", "reason": reason, "seconds": seconds})

    def _survives(self, running: _Running) -> bool:
        """Whether a trial that was lost may run again; it may not be lost for ever."""
        return _one_more_death(running.trial, running.known_epoch) <= MAX_DEATHS

    def _halve(self, running: _Running, reason: str) -> None:
        """Run a trial once more, half a batch at a time; the effective batch stays."""
        trial = running.trial
        trial.set_user_attr("accumulate", 2)
        self._decisions.log("retry", trial.number, why=reason, accumulate=2)
        self._emit(Notice(f"trial {trial.number} ran out of memory: again with half the batch"))
        # It is of no use to half a batch.
        (models.trial_folder(self._plan.folder, trial.number) / CHECKPOINT).unlink(missing_ok=True)
        self._again(running, accumulate=2)

    def _again(self, running: _Running, **changes: Any) -> None:
        """Submit a trial once more, with the time that is left of its own."""
        limit = {"time_limit_s": self._limit(running.trial.number)}
        spec = TrialSpec.from_json({**running.spec.to_json(), **limit, **changes})
        self._submit(_Running(running.trial, spec, running.known_epoch, time.monotonic()))

    def _record(self, running: _Running, data: dict[str, Any]) -> None:
        if data["state"] != "failed" and not is_finite(data):
            data = {"state": "failed", "reason": "not a number: the score"}
        if "value" in data and not math.isfinite(data["value"] or 0.0):
            data["value"] = None
        self._recorded(self._ledger.record(running.trial, data))

    def _recorded(self, result: TrialResult) -> None:
        about = {"state": result.state, "value": result.value, "reason": result.reason}
        self._decisions.log("record", result.number, **about)
        models.tidy(self._plan.folder, self._ledger.finished, result, self._plan.maximize)
        best = self._ledger.best
        leads = best is not None and best.number == result.number
        self._emit(TrialFinished(result, leads))


def _one_more_death(trial: Trial, known_epoch: int) -> int:
    """Count a time that a trial was cut off; return how many it is since its last new epoch."""
    deaths, epoch = trial.user_attrs.get("deaths", (0, known_epoch))
    deaths = deaths + 1 if epoch == known_epoch else 1
    trial.set_user_attr("deaths", [deaths, known_epoch])
    return int(deaths)
