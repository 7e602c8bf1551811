"""The ledger: an Optuna study, in the run directory or on a server that a team shares."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from automedimg.contracts import TrialResult
from automedimg.data import files
from automedimg.errors import ConfigurationError, RunError
from automedimg.search.stopping import best_of
from automedimg.search.urls import redacted

STUDY = "automedimg"
FILE = "study.journal"
COPY = "trials.json"
_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_TOLD = {state: told for told, state in _STATES.items()}

CONNECT_ATTEMPTS = 5
MADE_TWICE = ("already exists", "duplicate", "unique constraint")
"""What servers say where two processes make the same table at once."""

SURPLUS = "surplus"
"""Mark of a trial that two processes asked for at once and that was one too many."""


class Ledger:
    """The study of a search, and its finished trials at hand.

    Args:
        study: Open.
        maximize: Whether more of the metric is better.
        shared: Whether other processes write to it too.
    Attributes:
        finished: In the order in which they finished.
        best: The best complete one, if any.
    """

    def __init__(self, study: optuna.Study, maximize: bool, *, shared: bool = False) -> None:
        self.study, self.shared, self._maximize = study, shared, maximize
        self.finished: list[TrialResult] = []
        self.best: TrialResult | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read what others may have written."""
        self.finished = in_finishing_order(self.study)
        self.best = best_of(self.finished, self._maximize)

    def enqueue(self, defaults: Sequence[Mapping[str, Any]]) -> None:
        """Queue the configurations that come first; those that are queued already stay."""
        for default in defaults[len(self.study.get_trials(deepcopy=False)) :]:
            self.study.enqueue_trial(dict(default))

    def unfinished(self) -> list[FrozenTrial]:
        """Trials that have begun and not ended."""
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def has_waiting(self) -> bool:
        """Whether a configuration is queued."""
        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def begun(self) -> int:
        """How many trials have begun, the finished ones included."""
        return len(self.finished) + len(self.unfinished())

    def take_up(self, trial: FrozenTrial) -> Trial:
        """Return a trial that a process left running, to go on with it."""
        return Trial(self.study, trial._trial_id)

    def record(self, trial: Trial, data: Mapping[str, Any]) -> TrialResult:
        """End a trial.

        It is told in two steps. If a kill comes between them, the first one says enough for
        `settle` to make the second.

        Args:
            trial: Of this process.
            data: The fields of a `TrialResult`; ``state``, ``value`` and ``reason`` among them.
        """
        trial.set_user_attr("result", {**data, "order": len(self.finished)})
        return self._tell(trial)

    def settle(self) -> None:
        """Tell the study of trials that were ended, but not told of, when a kill came."""
        for frozen in self.unfinished():
            if "result" in frozen.user_attrs:
                self._tell(self.take_up(frozen))

    def _tell(self, trial: Trial) -> TrialResult:
        data = trial.user_attrs["result"]
        value = data.get("value") if data["state"] == "complete" else None
        # Another process may have ended it meanwhile, which then had its own reasons.
        self.study.tell(trial, value, state=_TOLD[data["state"]], skip_if_finished=True)
        result = to_result(self.study._storage.get_trial(trial._trial_id))
        if self.shared:
            self.refresh()
        else:
            self.finished.append(result)
            self.best = best_of([result] + ([self.best] if self.best else []), self._maximize)
        return result

    def drop_surplus(self, trial: Trial, wanted: int) -> bool:
        """Give a trial back if other processes began as many as are wanted before it."""
        begun = [
            one.number
            for one in self.study.get_trials(deepcopy=False)
            if one.state is not TrialState.WAITING and SURPLUS not in one.user_attrs
        ]
        if sorted(begun).index(trial.number) < wanted:
            return False
        trial.set_user_attr(SURPLUS, True)
        self.study.tell(trial, state=TrialState.FAIL)
        return True


def is_finite(data: Mapping[str, Any]) -> bool:
    """Whether a result carries a score that can be compared."""
    value = data.get("value")
    return value is not None and math.isfinite(value)


def open_ledger(
    folder: Path,
    direction: Literal["minimize", "maximize"],
    storage: str | None = None,
    name: str = STUDY,
) -> optuna.Study:
    """Open or create the study of a run, repairing what a kill left behind.

    The caller must hold the run's lock, or share a server: a journal lock that is there is then a
    dead process's.

    Args:
        folder: The run directory.
        direction: Of the metric.
        storage: URL of a server; None keeps a journal in `folder`.
        name: The study's name on the server.
    Raises:
        RunError: the server can't be reached.
        ConfigurationError: the URL makes no sense.
    """
    if storage is None:
        path = folder / FILE
        repair(path)
        for stale in folder.glob(f"{FILE}.lock*"):
            stale.unlink()
        name = STUDY
    return optuna.create_study(
        storage=_storage(folder, storage),
        study_name=name,
        direction=direction,
        load_if_exists=True,
    )


def read_ledger(folder: Path) -> list[TrialResult]:
    """Read the finished trials of a run without changing anything.

    Where the ledger is on a server, this is what the process that leads has copied from there.

    Raises:
        RunError: there is no readable ledger.
    """
    if (folder / COPY).is_file():
        return [TrialResult(**fields) for fields in files.read_json(folder / COPY)]
    if not (folder / FILE).is_file():
        raise RunError(f"`{folder}` has no ledger (`{FILE}`)", "is it a run directory?")
    quieten_optuna()
    try:
        study = optuna.load_study(study_name=STUDY, storage=_storage(folder, None))
    except KeyError:
        return []  # a kill came between the journal and its first line
    except ValueError as error:
        raise RunError(f"the ledger of `{folder}` can't be read: {error}") from error
    return results(study)


def write_copy(folder: Path, finished: Sequence[TrialResult]) -> None:
    """Copy what a server's ledger says of finished trials into the run directory."""
    by_number = sorted(finished, key=lambda result: result.number)
    files.write_json(folder / COPY, [asdict(result) for result in by_number])


@contextmanager
def closing_ledger(study: optuna.Study) -> Iterator[optuna.Study]:
    """Close a study's connections to a server in the end; a journal has none."""
    try:
        yield study
    finally:
        # Optuna puts a cache around a server's storage, and closes neither.
        backend = getattr(study._storage, "_backend", study._storage)
        if isinstance(backend, optuna.storages.RDBStorage):
            backend.engine.dispose()


def results(study: optuna.Study) -> list[TrialResult]:
    """The finished trials of a study, by number."""
    return [to_result(trial) for trial in _finished(study)]


def in_finishing_order(study: optuna.Study) -> list[TrialResult]:
    """The finished trials of a study, the one that finished first first.

    The order is recorded, because clocks jump; in a ledger that several processes write to, two
    trials may share a place.
    """

    def place(trial: FrozenTrial) -> tuple[int, int]:
        return trial.user_attrs.get("result", {}).get("order", trial.number), trial.number

    return [to_result(trial) for trial in sorted(_finished(study), key=place)]


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    trials = study.get_trials(deepcopy=False, states=tuple(_STATES))
    return [trial for trial in trials if SURPLUS not in trial.user_attrs]


def to_result(trial: FrozenTrial) -> TrialResult:
    """A finished trial as the rest of the program knows it."""
    result: Mapping[str, Any] = trial.user_attrs.get("result", {})
    return TrialResult(
        number=trial.number,
        state=_STATES[trial.state],  # type: ignore[arg-type]
        params=trial.user_attrs.get("params", trial.params),
        value=result.get("value"),
        reason=result.get("reason", ""),
        epochs=result.get("epochs", 0),
        best_epoch=result.get("best_epoch", 0),
        seconds=result.get("seconds", 0.0),
        validation=result.get("validation", {}),
        gradcam_layer=result.get("gradcam_layer", ""),
        extracted=result.get("extracted", 0),
        extraction_s=result.get("extraction_s", 0.0),
    )


def repair(path: Path) -> None:
    """Cut a torn last line off a journal: an append after it would make it unreadable."""
    with suppress(FileNotFoundError), path.open("r+b") as file:
        content = file.read()
        if content and not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


def quieten_optuna() -> None:
    """Keep Optuna's own log lines off the terminal."""
    optuna.logging.set_verbosity(logging.WARNING)


def _connect(url: str) -> BaseStorage:
    """Connect to a server, whose tables another process may be making at this moment."""
    for attempt in range(1, CONNECT_ATTEMPTS):
        try:
            return optuna.storages.RDBStorage(url)
        # The drivers' exceptions have no common base; their words tell.
        except Exception as error:
            if not any(sign in str(error).lower() for sign in MADE_TWICE):
                raise
            time.sleep(0.5 * attempt)
    return optuna.storages.RDBStorage(url)


def _storage(folder: Path, url: str | None) -> BaseStorage:
    if url is None:
        return JournalStorage(JournalFileBackend(str(folder / FILE)))
    try:
        return _connect(url)
    except ImportError as error:
        raise ConfigurationError(
            f"the storage `{redacted(url)}` needs a database driver: {error}",
            "for PostgreSQL: `pip install 'automedimg[postgresql]'`",
        ) from error
    # SQLAlchemy and the drivers have exceptions of many kinds for a server that isn't there.
    except Exception as error:
        said = str(error).splitlines()[0].replace(url, redacted(url))
        raise RunError(
            f"the storage `{redacted(url)}` can't be used: {said}",
            "is the server running, and the URL right? e.g. postgresql://user:password@host/db",
        ) from error
