"""The ledger: an Optuna study in the run directory, written by the orchestrator alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, TrialState

from automedimg.contracts import TrialResult
from automedimg.errors import RunError

STUDY = "automedimg"
FILE = "study.journal"
_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def open_ledger(folder: Path, direction: Literal["minimize", "maximize"]) -> optuna.Study:
    """Open or create the study of a run, repairing what a kill left behind.

    The caller must hold the run's lock: a journal lock that is there is then a dead process's.
    """
    path = folder / FILE
    repair(path)
    for stale in folder.glob(f"{FILE}.lock*"):
        stale.unlink()
    return optuna.create_study(
        storage=_storage(path), study_name=STUDY, direction=direction, load_if_exists=True
    )


def read_ledger(folder: Path) -> list[TrialResult]:
    """Read the finished trials of a run without changing anything.

    Raises:
        RunError: there is no readable ledger.
    """
    path = folder / FILE
    if not path.is_file():
        raise RunError(f"`{folder}` has no ledger (`{FILE}`)", "is it a run directory?")
    quieten_optuna()
    try:
        study = optuna.load_study(study_name=STUDY, storage=_storage(path))
    except (KeyError, ValueError) as error:
        raise RunError(f"the ledger of `{folder}` can't be read: {error}") from error
    return results(study)


def results(study: optuna.Study) -> list[TrialResult]:
    """The finished trials of a study, by number."""
    trials = study.get_trials(deepcopy=False)
    return [to_result(trial) for trial in trials if trial.state in _STATES]


def in_finishing_order(study: optuna.Study) -> list[TrialResult]:
    """The finished trials of a study, the one that finished first first."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state in _STATES]
    trials.sort(key=lambda trial: (trial.datetime_complete is None, trial.datetime_complete))
    return [to_result(trial) for trial in trials]


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


def _storage(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))
