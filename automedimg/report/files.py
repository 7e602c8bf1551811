"""Reading what a run directory holds, however far its search has come."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.contracts.trials import TrialResult
from automedimg.errors import RunError
from automedimg.report.format import finite


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the best model says about one split: labels (N,) and probabilities (N, K)."""

    y_true: IntArray
    y_prob: FloatArray


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of a trial's history; None where a value is missing or not finite."""

    epoch: int
    loss: float | None
    value: float | None
    val_log_loss: float | None
    accuracy: float | None = None
    val_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A run directory, read.

    Args:
        folder: The run directory.
        run: ``run.json``.
        result: ``result.json``; None while there is no result.
        audit: ``audit.json``; empty where it is missing.
        split_counts: Images per split and label, from ``splits.csv``.
        validation: Predictions of the best model on the validation split, if any.
        test: Predictions of the best model on the test split, if any.
        trials: Every trial that has ended, by number.
        problems: What could not be read, in words.
    """

    folder: Path
    run: Mapping[str, Any]
    result: Mapping[str, Any] | None
    audit: Mapping[str, Any]
    split_counts: Mapping[str, Mapping[str, int]]
    validation: Predictions | None
    test: Predictions | None
    trials: tuple[TrialResult, ...]
    problems: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in output order."""
        return tuple(str(name) for name in self.run.get("classes") or ())

    @property
    def positive(self) -> int:
        """Index of the positive class of a two-class task."""
        name = self.run.get("positive")
        return self.classes.index(name) if name in self.classes else 1

    @property
    def maximize(self) -> bool:
        """Whether more of the selection metric is better."""
        return self.run.get("direction") != "minimize"

    @property
    def has_verdict(self) -> bool:
        """Whether a model was selected and the test split was scored."""
        return bool(self.result and self.result.get("best") and self.result.get("test"))

    @property
    def ranked(self) -> list[TrialResult]:
        """Trials that have a value, complete ones before pruned ones, the best first."""
        sign = -1.0 if self.maximize else 1.0
        valued = [trial for trial in self.trials if finite(trial.value) is not None]
        valued = [trial for trial in valued if trial.state != "failed"]
        return sorted(valued, key=lambda t: (t.state != "complete", sign * (finite(t.value) or 0)))

    @property
    def best(self) -> TrialResult | None:
        """The selected trial; before there is one, the complete trial that leads."""
        chosen = ((self.result or {}).get("best") or {}).get("trial")
        named = [trial for trial in self.trials if trial.number == chosen]
        leading = [trial for trial in self.ranked if trial.state == "complete"]
        return next(iter(named or leading), None)

    def history(self, number: int) -> tuple[Epoch, ...]:
        """The history of a trial, without lines that a crash cut short."""
        return read_history(self.folder / "trials" / f"{number:04d}" / "history.csv")


def load_run(folder: Path, trials: Sequence[TrialResult]) -> RunFiles:
    """Read a run directory.

    Raises:
        RunError: ``run.json`` is missing, or a JSON file can't be parsed.
    """
    run = read_json(folder / "run.json")
    if run is None:
        raise RunError(f"no run.json in {folder}", "a report needs the directory of a run")
    result = read_json(folder / "result.json")
    audit = read_json(folder / "audit.json") or (result or {}).get("audit") or {}
    problems: list[str] = []
    return RunFiles(
        folder=folder,
        run=run,
        result=result,
        audit=audit,
        split_counts=read_split_counts(folder / "splits.csv"),
        validation=read_predictions(folder / "best" / "validation.npz", problems),
        test=read_predictions(folder / "best" / "test.npz", problems),
        trials=tuple(sorted(trials, key=lambda trial: trial.number)),
        problems=tuple(problems),
    )


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if the file is missing."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path.name} should hold a JSON object")
    return content


def read_predictions(path: Path, problems: list[str]) -> Predictions | None:
    """Read an npz of predictions; None if it is missing, or unreadable, which `problems` says."""
    if not path.is_file():
        return None
    try:
        # Opened here, because np.load leaves the file open when it is broken.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            y_true = np.asarray(arrays["y_true"], dtype=np.int64)
            y_prob = np.asarray(arrays["y_prob"], dtype=np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        problems.append(f"best/{path.name} can't be read: {error}")
        return None
    if y_prob.ndim != 2 or y_true.shape != y_prob.shape[:1]:
        problems.append(f"best/{path.name} holds arrays whose shapes don't fit")
        return None
    return Predictions(y_true, y_prob)


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Read a trial's ``history.csv``; empty if it is missing."""
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if finite(row.get("epoch")) is not None]
    return tuple(
        Epoch(
            int(float(row["epoch"])),
            finite(row.get("loss")),
            finite(row.get("value")),
            finite(row.get("val_log_loss")),
            finite(row.get("accuracy")),
            finite(row.get("val_accuracy")),
        )
        for row in rows
    )


def read_split_counts(path: Path) -> dict[str, dict[str, int]]:
    """Count the images of each split and label in ``splits.csv``; empty if it is missing."""
    counts: dict[str, dict[str, int]] = {}
    if not path.is_file():
        return counts
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels = counts.setdefault(row.get("split") or "", {})
            label = row.get("label") or ""
            labels[label] = labels.get(label, 0) + 1
    return counts
