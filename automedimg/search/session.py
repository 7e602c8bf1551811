"""One session of a search, from a request to a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from automedimg.contracts import (
    DatasetSpec,
    Event,
    Executor,
    Notice,
    SearchFinished,
    SearchStarted,
    StageStarted,
    Strategy,
    TrialResult,
)
from automedimg.data import files, places
from automedimg.data.decoding import Wanted as WantedPixels
from automedimg.data.prepare import PreparedData, prepare
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.data.resolving import Found, resolve
from automedimg.data.splits import TRAIN
from automedimg.errors import AutomedimgError, RunError
from automedimg.evaluation.auditing import complete_audit, shortcut_in_words
from automedimg.registry import Catalog
from automedimg.search import affordable, ledger, record
from automedimg.search.narrowing import Wanted, build_space, default_choices, with_modes
from automedimg.search.orchestrator import Orchestrator, Plan
from automedimg.search.request import SearchRequest
from automedimg.search.space import SearchSpace
from automedimg.search.stopping import Clock, best_of
from automedimg.search.verdict import Judge
from automedimg.search.weights import WeightStore
from automedimg.training.backend import prepare_backend
from automedimg.training.parameters import fit_defaults

Emit = Callable[[Event], None]

NEARLY_BALANCED = 1.2
"""Ratio of the largest class to the smallest below which weights and resampling do nothing."""


class Session:
    """Runs a request. Use `run` once.

    Args:
        request: Checked.
        catalog: Where everything comes from.
        emit: Hears every event.
    Attributes:
        began: Whether the run directory is ours by now, and holds something to report.
    """

    def __init__(self, request: SearchRequest, catalog: Catalog, emit: Emit) -> None:
        self._request, self._catalog = request, catalog
        self._notes: list[str] = []
        self.began = False
        self._sessions_before = 0
        self._listener = emit
        self._clock = Clock(request.time_s)
        self._started = record.now()
        self._folder = request.out
        self._spec: DatasetSpec
        self._recognised = ""
        self._cache = places.cache_folder(request.cache_dir)

    def run(self) -> dict[str, Any]:
        """Search, judge, and return what `result.json` holds.

        Raises:
            AutomedimgError: something is wrong that the user can do something about.
        """
        backend = prepare_backend()
        self._claim()
        with record.hold(self._folder), self._cleared_if_empty():
            found = self._find_data()
            # Its workers import Keras while the images are read here.
            executor: Executor = self._catalog.executors.make(
                self._request.executor, self._request.workers
            )
            with closing(executor):
                data = self._prepare(found)
                space = self._build_space(data, executor)
                run = self._open_run(data, space, executor, backend)
                return self._search(run, data, space, executor)

    def _claim(self) -> None:
        """Make the run directory, unless it is somebody else's."""
        inside = {path.name for path in self._folder.iterdir()} if self._folder.is_dir() else set()
        if inside - record.LOCK_FILES and "run.json" not in inside:
            raise RunError(
                f"`{self._folder}` is not empty and not a run",
                "choose another `--out`",
            )
        files.make_folder(self._folder)

    @contextmanager
    def _cleared_if_empty(self) -> Iterator[None]:
        """Leave no empty run directory behind where nothing ever began. It is held meanwhile."""
        try:
            yield
        except AutomedimgError:
            if {path.name for path in self._folder.iterdir()} <= record.LOCK_FILES:
                for name in record.LOCK_FILES:
                    (self._folder / name).unlink(missing_ok=True)
                self._folder.rmdir()
            raise

    def _find_data(self) -> Found:
        files.make_folder(self._cache)
        sample = self._request.sample
        self._emit(StageStarted("making synthetic images" if sample else "listing images"))
        found = resolve(self._request.of_task, self._catalog, self._cache)
        self._spec, self._recognised = found.spec, found.recognised
        if found.recognised:
            self._emit(Notice(found.recognised))
        return found

    def _prepare(self, found: Found) -> PreparedData:
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
        )
        audit = complete_audit(data, found.spec, found.recognised, self._cache, self._emit)
        data = replace(data, audit=audit)
        if words := shortcut_in_words(audit["shortcut"]):
            self._emit(Notice(words, important=True))
        if data.synthetic:
            self._emit(Notice("SYNTHETIC images: the scores mean nothing medical", important=True))
        return data

    def _build_space(self, data: PreparedData, executor: Executor) -> SearchSpace:
        request = self._request
        before = self._earlier()
        if before is not None:
            record.refuse_differences(before, {"asked": record.asked(request)})
        folders = places.weight_folders(request.weights_dir, data.root)
        store = WeightStore(folders, download=request.download)
        preprocessings = tuple(way.name for way in parse_preprocessing(request.preprocessings))
        balanced = data.audit["imbalance"]["ratio"] < NEARLY_BALANCED
        wanted = Wanted(request.backbones, request.heads, request.fix, preprocessings, balanced)
        space = build_space(self._catalog, wanted, store, self._emit)
        if before is not None:
            # The limits may have changed since; what can be chosen may not.
            return with_modes(space, before["backbones"])
        limit = request.trial_limit_s
        if limit is None or set(executor.devices) != {"cpu"}:
            return space
        return affordable.drop_too_dear(
            space,
            self._catalog,
            size=request.image_size or self._spec.image_size,
            num_images=int((data.splits == TRAIN).sum()),
            trial_time_s=limit,
            notify=self._emit,
        )

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
        before = self._earlier()
        run = today if before is None else record.continue_run(before, today)
        self._sessions_before = len(run["sessions"])
        rows = record.write_tables(self._folder, data)
        self._write_run(run, "")
        self.began = True
        executor.start(
            record.make_context(self._folder, rows, data, self._request, self._spec.classes)
        )
        return run

    def _search(
        self, run: dict[str, Any], data: PreparedData, space: SearchSpace, executor: Executor
    ) -> dict[str, Any]:
        ledger.quieten_optuna()
        study = ledger.open_ledger(self._folder, run["direction"])
        done = ledger.results(study)
        limits = self._request.limits
        self._emit(
            SearchStarted(
                run=str(self._folder),
                task=self._spec.name,
                metric=run["metric"],
                trials=limits.trials,
                time_s=limits.time_s,
                done=len(done),
                devices=executor.devices,
            )
        )
        strategy: Strategy = self._catalog.strategies.make(self._request.strategy)
        plan = Plan(
            folder=self._folder,
            metric=self._catalog.metrics.get(self._request.metric),
            seed=self._request.seed,
            limits=limits,
            epochs=self._request.epochs,
            epoch_patience=self._request.epoch_patience,
            trial_time_s=self._request.trial_limit_s,
            defaults=default_choices(space, fit_defaults()),
        )
        orchestrator = Orchestrator(plan, study, space, strategy, executor, self._emit, self._clock)
        stopped_by = orchestrator.run()
        finished = ledger.results(study)
        self._write_run(run, stopped_by)
        best = best_of(finished, plan.maximize)
        if best is None:
            raise _nothing_learnt(finished, stopped_by)
        return self._judge(run, data, executor, finished, best, stopped_by)

    def _judge(
        self,
        run: dict[str, Any],
        data: PreparedData,
        executor: Executor,
        finished: list[TrialResult],
        best: TrialResult,
        stopped_by: str,
    ) -> dict[str, Any]:
        path = self._folder / "result.json"
        before = files.read_json(path) if path.is_file() else None
        judge = Judge(self._folder, run, data, self._catalog, executor, self._emit)
        self._write_run(run, stopped_by)
        verdict = judge.judge(best, before)
        states = Counter(result.state for result in finished)
        result = {
            "run": str(self._folder),
            "task": self._spec.name,
            "protocol": data.protocol,
            "synthetic": data.synthetic,
            "seconds": round(sum(session["seconds"] for session in run["sessions"]), 1),
            "trials": {state: states[state] for state in ("complete", "pruned", "failed")},
            "stopped_by": stopped_by,
            "best": {
                "trial": best.number,
                "params": dict(best.params),
                "validation": dict(best.validation),
                "epoch": best.best_epoch,
            },
            **verdict,
            "audit": data.audit,
        }
        files.write_json(path, result)
        self._write_run(run, stopped_by)
        self._emit(SearchFinished(str(self._folder), result))
        return result

    def _earlier(self) -> dict[str, Any] | None:
        """What `run.json` says, if this continues a run."""
        path = self._folder / "run.json"
        return files.read_versioned(path) if path.is_file() else None

    def _write_run(self, run: dict[str, Any], stopped_by: str) -> None:
        session = {
            "started": self._started,
            "ended": record.now() if stopped_by else None,
            "seconds": round(self._clock.elapsed(), 1),
            "stopped_by": stopped_by or None,
        }
        earlier = run["sessions"][: self._sessions_before]
        notes = [*run["notes"], *(note for note in self._notes if note not in run["notes"])]
        run |= {"sessions": [*earlier, session], "notes": notes}
        files.write_json(self._folder / "run.json", run)

    def _emit(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._notes.append(event.text)
        self._listener(event)


def _nothing_learnt(finished: list[TrialResult], stopped_by: str) -> RunError:
    if not finished:
        return RunError(
            f"no trial finished before the search ended ({stopped_by})",
            "the run can be continued with the same `--out`; give it more `--time`",
        )
    reasons = Counter(result.reason or result.state for result in finished)
    listed = "; ".join(f"{number} x {reason}" for reason, number in reasons.most_common(3))
    return RunError(
        f"none of {len(finished)} trials gave a model: {listed}",
        "trials/*/error.txt and log.txt in the run directory say more",
    )
