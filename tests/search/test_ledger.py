"""The ledger survives a torn line and gives back what was written."""

from __future__ import annotations

import time
from pathlib import Path

import optuna
import pytest

from automedimg.contracts import TrialResult
from automedimg.errors import RunError
from automedimg.search.ledger import (
    FILE,
    open_ledger,
    quieten_optuna,
    read_ledger,
    repair,
    results,
)

quieten_optuna()


def record(study: optuna.Study, value: float) -> None:
    """Finish a trial as the orchestrator does."""
    trial = study.ask()
    trial.suggest_float("learning_rate", 0, 1)
    trial.set_user_attr("params", {"learning_rate": 0.5, "train": "frozen"})
    trial.set_user_attr(
        "result",
        {
            "value": value,
            "reason": "time limit",
            "epochs": 5,
            "best_epoch": 3,
            "seconds": 1.5,
            "validation": {"auc": value},
        },
    )
    study.tell(trial, value)


def test_a_run_reads_back_what_was_finished(tmp_path: Path) -> None:
    study = open_ledger(tmp_path, "maximize")
    record(study, 0.75)
    failed = study.ask()
    failed.set_user_attr("result", {"reason": "out of memory"})
    study.tell(failed, state=optuna.trial.TrialState.FAIL)
    study.tell(study.ask(), state=optuna.trial.TrialState.PRUNED)
    study.ask()  # still running
    first, second, third = read_ledger(tmp_path)
    assert first == TrialResult(
        number=0,
        state="complete",
        params={"learning_rate": 0.5, "train": "frozen"},
        value=0.75,
        reason="time limit",
        epochs=5,
        best_epoch=3,
        seconds=1.5,
        validation={"auc": 0.75},
    )
    assert (second.state, second.reason, second.value) == ("failed", "out of memory", None)
    assert third.state == "pruned"
    assert results(study) == [first, second, third]


def test_opening_again_goes_on(tmp_path: Path) -> None:
    record(open_ledger(tmp_path, "maximize"), 0.5)
    again = open_ledger(tmp_path, "maximize")
    record(again, 0.6)
    assert again.direction == optuna.study.StudyDirection.MAXIMIZE
    assert [(result.number, result.value) for result in read_ledger(tmp_path)] == [
        (0, 0.5),
        (1, 0.6),
    ]


@pytest.mark.parametrize("cut", [1, 2, 15, 40])
def test_a_torn_last_line_costs_only_itself(tmp_path: Path, cut: int) -> None:
    study = open_ledger(tmp_path, "maximize")
    record(study, 0.5)
    whole = (tmp_path / FILE).read_bytes()
    record(study, 0.6)
    after = (tmp_path / FILE).read_bytes()
    torn = after[: len(whole) + cut]
    (tmp_path / FILE).write_bytes(torn)
    assert [result.value for result in read_ledger(tmp_path)] == [0.5]
    assert (tmp_path / FILE).read_bytes() == torn  # reading repairs nothing
    study = open_ledger(tmp_path, "maximize")
    record(study, 0.7)
    assert [result.value for result in read_ledger(tmp_path)] == [0.5, 0.7]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"one\ntwo\n", b"one\ntwo\n"),
        (b"one\ntw", b"one\n"),
        (b"on", b""),
        (b"one\n\n", b"one\n\n"),
    ],
)
def test_repair_cuts_to_the_last_whole_line(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / FILE
    path.write_bytes(before)
    repair(path)
    assert path.read_bytes() == after


def test_repair_makes_no_file(tmp_path: Path) -> None:
    repair(tmp_path / FILE)
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    record(open_ledger(tmp_path, "maximize"), 0.5)
    lock = tmp_path / f"{FILE}.lock"
    lock.symlink_to(tmp_path / FILE)
    started = time.monotonic()
    record(open_ledger(tmp_path, "maximize"), 0.6)
    assert time.monotonic() - started < 10  # Optuna itself would wait for half a minute
    assert not lock.exists()
    assert len(read_ledger(tmp_path)) == 2


@pytest.mark.parametrize("content", [None, b"nonsense\nnonsense\n"])
def test_no_readable_ledger_is_a_run_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunError, match="ledger"):
        read_ledger(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"op_code": 0, "worker'])
def test_a_journal_without_a_whole_line_has_no_trials(tmp_path: Path, content: bytes) -> None:
    """A kill came right after the file was made."""
    (tmp_path / FILE).write_bytes(content)
    assert read_ledger(tmp_path) == []
    record(open_ledger(tmp_path, "maximize"), 0.5)
    assert len(read_ledger(tmp_path)) == 1
