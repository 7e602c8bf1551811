"""One session of a search, from a request to a verdict."""

from __future__ import annotations

import errno
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from typing import Any

import optuna

from automedimg.contracts import (
    DatasetSpec,
    Event,
    Executor,
    Notice,
    Outline,
    SearchFinished,
    SearchStarted,
    StageStarted,
    Strategy,
    TrialFinished,
)
from automedimg.data import files, places
from automedimg.data.decoding import Wanted as WantedPixels
from automedimg.data.prepare import PreparedData, prepare
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.data.resolving import Found, resolve
from automedimg.errors import RunError
from automedimg.evaluation.auditing import LateAudit, shortcut_in_words
from automedimg.registry import Catalog
from automedimg.search import record
from automedimg.search.claiming import Claim
from automedimg.search.continuing import (
    asked,
    refuse_other_data,
    refuse_other_limits,
    refuse_other_settings,
    refuse_other_space,
    refuse_other_storage,
)
from automedimg.search.decisions import Decisions
from automedimg.search.first_guesses import default_choices
from automedimg.search.foresight import Foresight
from automedimg.search.ledger import (
    Ledger,
    closing_ledger,
    open_ledger,
    quieten_optuna,
    write_copy,
)
from automedimg.search.naming import get_strategy
from automedimg.search.orchestrator import LEADERLESS, Orchestrator
from automedimg.search.plan import Plan
from automedimg.search.request import SearchRequest
from automedimg.search.space import SearchSpace
from automedimg.search.spacing import Spacing
from automedimg.search.stopping import Clock, Stop
from automedimg.search.thrift import Thrift
from automedimg.search.verdict import Judge, nothing_learnt
from automedimg.training.backend import prepare_backend
from automedimg.training.parameters import fit_defaults

Emit = Callable[[Event], None]

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)

ACCOUNT_S = 30.0
"""Seconds after which the time that a session has taken is written down again."""


class Session:
    """Runs a request. Use `run` once.

    Args:
        request: Checked.
        catalog: Where everything comes from.
        emit: Hears every event.
        executor: To be used, and left open; None makes one and closes it.
    Attributes:
        began: Whether the run directory is ours by now, and holds something to report.
    """

    def __init__(
        self,
        request: SearchRequest,
        catalog: Catalog,
        emit: Emit,
        executor: Executor | None = None,
    ) -> None:
        self._request, self._catalog, self._executor = request, catalog, executor
        self._notes: list[str] = []
        self.began = False
        self._sessions_before = 0
        self._listener = emit
        self._clock = Clock(request.time_s)
        self._started = record.now()
        self._folder = request.out
        self._claim = Claim(request.out, request.storage)
        self._spec: DatasetSpec
        self._strategy: Strategy
        self._recognised = ""
        self._cache = places.cache_folder(request.cache_dir)

    def run(self) -> dict[str, Any] | None:
        """Search, judge, and return what `result.json` holds.

        Returns:
            None where this process has joined another one, which gives the verdict.
        Raises:
            AutomedimgError: something is wrong that the user can do something about.
        """
        try:
            return self._run()
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            raise RunError(
                f"`{error.filename or self._folder}` can't be written to: {error.strerror}",
                f"make room, then `automedimg resume {self._folder}`: nothing is lost",
            ) from error

    def _run(self) -> dict[str, Any] | None:
        backend = prepare_backend()
        self._claim.make()
        with self._claim.held():
            self._refuse_other_limits()
            # Before the images are read: what it needs may not be installed.
            self._strategy = get_strategy(self._catalog, self._request.strategy)
            found = self._find_data()
            # Its workers import Keras while the images are read here.
            with self._workers() as executor:
                data = self._prepare(found, executor)
                space = Spacing(self._request, self._spec, data, self._catalog).space(
                    self._claim.earlier(), executor.devices, self._emit
                )
                run = self._open_run(data, space, executor, backend)
                return self._search(run, data, space, executor)

    def _workers(self) -> AbstractContextManager[Executor]:
        if self._executor is not None:
            return nullcontext(self._executor)
        made: Executor = self._catalog.executors.make(
            self._request.executor, self._request.of_executor
        )
        return closing(made)

    def _refuse_other_limits(self) -> None:
        """Refuse what is wrong before any image is read."""
        before = self._claim.earlier()
        if before is None:
            return
        refuse_other_storage(before, self._request)
        refuse_other_limits(before, self._request)
        refuse_other_settings(before, {"asked": asked(self._request)})
        self._clock.charge(sum(session["seconds"] for session in before["sessions"]))

    def _find_data(self) -> Found:
        files.make_folder(self._cache)
        sample = self._request.sample
        self._emit(StageStarted("making synthetic images" if sample else "listing images"))
        found = resolve(self._request.of_task, self._catalog, self._cache)
        if self._request.channels is not None:
            found = replace(found, spec=replace(found.spec, channels=self._request.channels))
        self._spec, self._recognised = found.spec, found.recognised
        if found.recognised:
            self._emit(Notice(found.recognised))
        return found

    def _prepare(self, found: Found, executor: Executor) -> PreparedData:
        root, strategy = found.listing.root, self._strategy
        ahead = Foresight(self._request, found.spec, root, self._catalog, strategy, executor)
        data = prepare(
            found.spec,
            found.listing,
            self._cache,
            wanted=WantedPixels(
                self._request.image_size or found.spec.image_size,
                found.spec.channels,
                parse_preprocessing(self._request.preprocessings),
            ),
            how=self._request.how_split,
            listener=self._emit,
            when_read=ahead.begin if self._claim.earlier() is None else None,
        )
        # What is measured for it takes seconds, which the first model need not wait for.
        self._audit = LateAudit(data, found.spec, found.recognised, self._cache, self._emit)
        self._hear_of_shortcuts()
        data = replace(data, audit=self._audit.audit)
        if data.synthetic:
            self._emit(Notice("SYNTHETIC images: the scores mean nothing medical", important=True))
        return data

    def _hear_of_shortcuts(self, *, wait: bool = False) -> None:
        """Say what the audit has found since, and write it down where a run has begun."""
        if not self._audit.news(wait=wait):
            return
        if words := shortcut_in_words(self._audit.audit["shortcut"]):
            self._emit(Notice(words, important=True))
        if self.began and self._claim.leads:
            record.write_audit(self._folder, self._audit.audit)

    def _open_run(
        self, data: PreparedData, space: SearchSpace, executor: Executor, backend: str
    ) -> dict[str, Any]:
        """Write or continue `run.json`, and bring the workers up."""
        today = record.describe_run(
            self._request,
            self._spec,
            self._recognised,
            data,
            space,
            self._catalog,
            executor.devices,
            backend,
        )
        before = self._claim.earlier()
        if before is None:
            run = today
        else:
            refuse_other_settings(before, today)
            refuse_other_data(self._folder, before, data)
            refuse_other_space(before["space"], today["space"])
            run = before | {name: today[name] for name in ("limits", "request", "versions")}
            run["devices"] = list(dict.fromkeys([*before["devices"], *today["devices"]]))
        self._sessions_before = len(run["sessions"])
        if self._claim.leads:
            record.write_tables(self._folder, data)
            self._write_run(run, "")
        self.began = True
        rows = self._folder / record.ROWS
        executor.start(
            record.make_context(self._folder, rows, data, self._request, self._spec.classes)
        )
        return run

    def _take_lead(self, run: dict[str, Any]) -> bool:
        """Take the place of the process that led, if that is gone; return whether this one did."""
        taken = self._claim.take_lead()
        if taken:
            self._inherit(run)
        return taken

    def _inherit(self, run: dict[str, Any]) -> None:
        """Go on with the account of a process that led this search and is gone."""
        run |= files.read_versioned(self._folder / "run.json")
        self._sessions_before = len(run["sessions"])
        self._write_run(run, "")
        text = "the process that led this search is gone: this one takes its place"
        self._emit(Notice(text, important=True))

    def _search(
        self, run: dict[str, Any], data: PreparedData, space: SearchSpace, executor: Executor
    ) -> dict[str, Any] | None:
        request = self._request
        quieten_optuna()
        study = open_ledger(self._folder, run["direction"], request.storage, run["study"])
        with closing_ledger(study):
            return self._search_in(study, run, data, space, executor)

    def _search_in(
        self,
        study: optuna.Study,
        run: dict[str, Any],
        data: PreparedData,
        space: SearchSpace,
        executor: Executor,
    ) -> dict[str, Any] | None:
        request = self._request
        metric = self._catalog.metrics.get(request.metric)
        maximize = metric.direction == "maximize"
        ledger = Ledger(study, maximize, shared=request.storage is not None)
        decisions = Decisions(self._folder)
        self._announce(run, ledger, decisions, executor)
        defaults = default_choices(space, fit_defaults())
        thrift = self._thrift(data, space, defaults, ledger, maximize)
        self._strategy.prepare(
            Outline(space.parameters(), defaults, request.seed, request.epochs, maximize)
        )
        orchestrator = Orchestrator(
            Plan.of(request, metric, [] if thrift else defaults),
            ledger,
            space,
            self._strategy,
            executor,
            self._keeping_account(run, ledger),
            self._clock,
            decisions,
            leads=self._claim.leads,
            take_lead=lambda: self._take_lead(run),
            thrift=thrift,
        )
        stop = orchestrator.run()
        self._hear_of_shortcuts(wait=True)
        return self._conclude(run, data, executor, ledger, stop)

    def _announce(
        self, run: dict[str, Any], ledger: Ledger, decisions: Decisions, executor: Executor
    ) -> None:
        limits, done = self._request.limits, len(ledger.finished)
        decisions.log("begin", done=done, limits=self._request.limits_json())
        self._emit(
            SearchStarted(
                run=str(self._folder),
                task=self._spec.name,
                metric=run["metric"],
                trials=limits.trials,
                time_s=limits.time_s,
                done=done,
                devices=executor.devices,
            )
        )

    def _thrift(
        self,
        data: PreparedData,
        space: SearchSpace,
        defaults: list[dict[str, Any]],
        ledger: Ledger,
        maximize: bool,
    ) -> Thrift | None:
        """What spends a limited time; None where it is not limited, or not this process's alone."""
        # Processes that share a ledger have a clock each.
        if self._request.time_s is None or ledger.shared or not self._strategy.takes_advice:
            return None
        spacing = Spacing(self._request, self._spec, data, self._catalog)
        return spacing.thrift(space, defaults, maximize)

    def _conclude(
        self,
        run: dict[str, Any],
        data: PreparedData,
        executor: Executor,
        ledger: Ledger,
        stop: Stop,
    ) -> dict[str, Any] | None:
        """Give the verdict, or leave it to the process that leads."""
        if not self._claim.leads and self._claim.take_lead(at_once=True):
            self._inherit(run)  # the process that led was killed near the end
        if not self._claim.leads:
            gone = f"{stop.why}: `automedimg resume {self._folder}` gives the verdict"
            there = "joined another process, which will give the verdict: done here"
            self._emit(Notice(gone if stop.rule == LEADERLESS else there, important=True))
            return None
        if ledger.shared:
            write_copy(self._folder, ledger.finished)
        self._write_run(run, stop.rule, stop.why)
        if ledger.best is None:
            raise nothing_learnt(ledger.finished, stop)
        return self._judge(run, data, executor, ledger, stop)

    def _keeping_account(self, run: dict[str, Any], ledger: Ledger) -> Emit:
        """Pass events on, and after each trial write down what would be missed after a kill."""

        written = time.monotonic()

        def emit(event: Event) -> None:
            nonlocal written
            ended, now = isinstance(event, TrialFinished), time.monotonic()
            if self._claim.leads and (ended or now - written > ACCOUNT_S):
                written = now
                self._write_run(run, "")
                if ended and ledger.shared:
                    write_copy(self._folder, ledger.finished)
            self._emit(event)
            self._hear_of_shortcuts()

        return emit

    def _judge(
        self,
        run: dict[str, Any],
        data: PreparedData,
        executor: Executor,
        ledger: Ledger,
        stop: Stop,
    ) -> dict[str, Any]:
        best = ledger.best
        assert best is not None  # noqa: S101 - for the type checker
        path = self._folder / "result.json"
        before = files.read_json(path) if path.is_file() else None
        judge = Judge(self._folder, run, data, self._catalog, executor, self._emit)
        verdict = judge.judge(best, before)
        train = judge.score_train(best, before, asked=self._request.score_train)
        states = Counter(result.state for result in ledger.finished)
        result = {
            "run": str(self._folder),
            "task": self._spec.name,
            "protocol": data.protocol,
            "synthetic": data.synthetic,
            "seconds": round(sum(session["seconds"] for session in run["sessions"]), 1),
            "trials": {state: states[state] for state in ("complete", "pruned", "failed")},
            "stopped_by": stop.rule,
            "stopped_because": stop.why,
            "work": {
                "images_decoded": data.pixels.decoded,
                "features_computed": sum(trial.extracted for trial in ledger.finished),
            },
            "best": {
                "trial": best.number,
                "params": dict(best.params),
                "validation": dict(best.validation),
                "epoch": best.best_epoch,
            },
            **verdict,
            **({"train": train} if train else {}),
            "audit": self._audit.audit,
        }
        files.write_json(path, result)
        self._write_run(run, stop.rule, stop.why)
        self._emit(SearchFinished(str(self._folder), result))
        return result

    def _write_run(self, run: dict[str, Any], stopped_by: str, why: str = "") -> None:
        session = {
            "started": self._started,
            "ended": record.now() if stopped_by else None,
            "seconds": round(self._clock.elapsed(), 1),
            "stopped_by": stopped_by or None,
            "stopped_because": why or None,
        }
        earlier = run["sessions"][: self._sessions_before]
        notes = [*run["notes"], *(note for note in self._notes if note not in run["notes"])]
        run |= {"sessions": [*earlier, session], "notes": notes}
        files.write_json(self._folder / "run.json", run)

    def _emit(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._notes.append(event.text)
        self._listener(event)
