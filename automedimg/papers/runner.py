"""Run a paper's plan: every run an ordinary one, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from automedimg.contracts import Event, Executor, ExecutorOptions, Notice, PartStarted
from automedimg.data import files
from automedimg.errors import RunError
from automedimg.papers.asking import check_arms, search_request, why_void
from automedimg.papers.material import Material
from automedimg.papers.plan import Job, Plan
from automedimg.papers.request import PaperRequest
from automedimg.papers.splitting import describe_sides, make_sides, write_sides
from automedimg.papers.workers import Workers
from automedimg.registry import Catalog
from automedimg.run import Run
from automedimg.search.record import hold
from automedimg.search.request import SearchRequest
from automedimg.version import RUN_FORMAT

Emit = Callable[[Event], None]
SearchCall = Callable[[SearchRequest, Executor], Run]
"""Runs one session with workers that are there, and writes its report."""

PAPER = "paper.json"
INTERRUPTED = "interrupted"


class Runner:
    """Runs a plan; `run` goes on where an earlier call was stopped.

    Args:
        plan: What is to be done.
        request: As the user asked.
        catalog: Where everything comes from.
        search: Runs one search.
        emit: Hears every event; a notice that every run would repeat, once.
    """

    def __init__(
        self,
        plan: Plan,
        request: PaperRequest,
        catalog: Catalog,
        search: SearchCall,
        emit: Emit,
    ) -> None:
        self._plan, self._request, self._catalog = plan, request, catalog
        self._search, self._emit = search, emit
        self.folder = request.out
        self.material = Material(plan.protocol.task, request, catalog, emit)
        self.failed: dict[str, str] = {}
        self.void: dict[str, str] = {}

    def run(self) -> None:
        """Run what has not finished yet.

        Raises:
            RunError: the folder holds another paper, or was begun with other settings; or it was
                interrupted.
            AutomedimgError: the images, or a setting, can't be used.
        """
        check_arms(self._plan.arms, self._catalog)
        files.make_folder(self.folder)
        with hold(self.folder):
            self._claim()
            self._find_weights()
            self._write_splits()
            self._run_all()

    def _claim(self) -> None:
        """Write down what is done here, or refuse to do something else in the same folder."""
        path = self.folder / PAPER
        today = {"format": RUN_FORMAT, **self._plan.to_json()}
        if not path.is_file():
            files.write_json(path, today)
            return
        before: Mapping[str, Any] = files.read_versioned(path)
        other = [name for name in today if before.get(name) != today[name]]
        if other:
            then = "; ".join(
                f"{n}: then {_short(before.get(n))}, now {_short(today[n])}" for n in other
            )
            raise RunError(
                f"`{self.folder}` was begun with other settings: {then}",
                "repeat them, or choose another `--out`",
            )

    def _find_weights(self) -> None:
        """Say once which comparisons are void, because weights can't be had."""
        for arm in self._plan.arms:
            folders = self.material.weight_folders(arm.settings)
            why = why_void(arm, self._catalog, folders, download=self._request.download)
            if why:
                self.void[arm.name] = why
        lacking = {a.settings.backbone or "" for a in self._plan.arms if a.name in self.void}
        if lacking:
            text = (
                f"NO PRETRAINED WEIGHTS for {', '.join(sorted(lacking))}: random ones are used, as "
                "with --weights none, and there the comparison with the paper is void. "
                "--weights-dir names a folder of weight files."
            )
            self._emit(Notice(text, important=True))

    def _write_splits(self) -> None:
        told: dict[str, Any] = {}
        done: set[tuple[str, str]] = set()
        for job in self._plan.jobs():
            if (job.arm.dataset, job.protocol) in done:
                continue
            done.add((job.arm.dataset, job.protocol))
            told |= self._write_sides(job)
        files.write_json(self.folder / "splits.json", told)

    def _write_sides(self, job: Job) -> dict[str, Any]:
        """Write all folds of a way to split, and describe each."""
        settings, folds = job.arm.settings, self._plan.folds
        data, spec = self.material.data(settings), self.material.spec(settings)
        made = make_sides(
            data, self._plan.protocol.split, job.protocol, folds, settings.seed or 0, spec.classes
        )
        told = {}
        for number, sides in enumerate(made, start=1):
            name = Job(job.protocol, number if folds else 0, job.arm).split
            write_sides(self.folder / "splits" / f"{name}.csv", data, sides)
            told[name] = {"protocol": job.protocol, **describe_sides(sides, data.groups)}
        return told

    def _run_all(self) -> None:
        jobs = list(self._plan.jobs())
        options = ExecutorOptions(
            workers=self._request.workers,
            devices=self._request.devices,
            worker_memory_bytes=self._request.worker_memory_bytes,
        )
        with Workers(options, self._catalog) as workers:
            for number, job in enumerate(jobs, start=1):
                if not is_finished(self.folder / job.folder):
                    self._emit(PartStarted(number, len(jobs), job.title))
                    self._run(job, workers, f"run {number} of {len(jobs)}")

    def _run(self, job: Job, workers: Workers, place: str) -> None:
        void = job.arm.name in self.void
        request = search_request(job, self._plan.protocol, self._request, self.folder, void=void)
        try:
            run = self._search(request, workers.get())
        except BaseException as error:
            workers.drop()
            if not isinstance(error, RunError) or not _only_failures(request.out):
                raise self._interruption(error, request.out, place) from error
            # It costs its place in the tables, not the other runs.
            self.failed[job.folder] = error.message
            self._emit(Notice(f"{job.title}: {error.message}", important=True))
            return
        if run.result is None or run.result["stopped_by"] == INTERRUPTED:
            raise _stopped(place, self._plan)

    def _interruption(self, error: BaseException, folder: Path, place: str) -> BaseException:
        """What to raise for an error that ended a run: an interruption says how to go on."""
        path = folder / "run.json"
        if isinstance(error, RunError) and path.is_file():
            sessions = files.read_json(path).get("sessions") or [{}]
            if sessions[-1].get("stopped_by") == INTERRUPTED:
                return _stopped(place, self._plan)
        return error


def is_finished(folder: Path) -> bool:
    """Whether a run has its verdict, and nothing cut it short."""
    path = folder / "result.json"
    return path.is_file() and files.read_json(path)["stopped_by"] != INTERRUPTED


def _only_failures(folder: Path) -> bool:
    """Whether a run has trials, all of which failed."""
    if not (folder / "run.json").is_file():
        return False
    trials = Run(folder).trials
    return bool(trials) and all(trial.state == "failed" for trial in trials)


def _stopped(place: str, plan: Plan) -> RunError:
    return RunError(
        f"stopped in {place} of {plan.protocol.name}: nothing that was done is lost",
        "the same command goes on",
    )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
