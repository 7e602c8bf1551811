"""What came out of each run of a paper, read back from its directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from automedimg.contracts import FloatArray, IntArray, Metric
from automedimg.data.splits import TEST, VALIDATION
from automedimg.errors import RunError
from automedimg.evaluation.scores import validation_scores
from automedimg.papers.plan import Job
from automedimg.papers.runner import is_finished
from automedimg.report.files import Epoch, Predictions, load_run
from automedimg.run import Run
from automedimg.search.record import ROWS


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions for one side of the split.

    Args:
        rows: Of the images in the pixel cache, int64 (N,).
        y_true: int64 (N,).
        y_prob: float64 (N, K).
        groups: int64 (N,).
        scores: Every metric that has a value.
    """

    rows: IntArray
    y_true: IntArray
    y_prob: FloatArray
    groups: IntArray
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that has its verdict.

    Args:
        job: Which one it is.
        folder: Its directory.
        classes: Labels in output order.
        positive: The positive class of two, else None.
        best: What ``result.json`` says of the chosen trial.
        result: All that it says.
        validation, test: Predictions of the chosen model.
        history: Of the chosen trial, epoch by epoch.
        trials: Finished trials.
        seconds: Of the whole run.
        insight: What `inspecting` found: parameters, seconds of prediction.
    """

    job: Job
    folder: Path
    classes: tuple[str, ...]
    positive: str | None
    best: Mapping[str, Any]
    result: Mapping[str, Any]
    validation: Scored
    test: Scored
    history: tuple[Epoch, ...]
    trials: int
    seconds: float
    insight: Mapping[str, Any] = field(default_factory=dict)

    def side(self, name: str) -> Mapping[str, float]:
        """Scores on a side of the split; those of training only where they were wanted."""
        if name == "train":
            return self.result.get("train") or {}
        return (self.validation if name == "validation" else self.test).scores


def read_outcomes(
    jobs: Sequence[Job], folder: Path, metrics: Mapping[str, Metric]
) -> list[Outcome]:
    """Read the runs that have finished, in the order of the jobs."""
    return [
        read_outcome(job, folder / job.folder, metrics)
        for job in jobs
        if is_finished(folder / job.folder)
    ]


def read_outcome(job: Job, folder: Path, metrics: Mapping[str, Metric]) -> Outcome:
    """Read one run.

    Raises:
        RunError: a file of it is missing or damaged.
    """
    run = Run(folder)
    told = load_run(folder, run.trials)
    result = run.result or {}
    with np.load(folder / ROWS, allow_pickle=False) as table:
        rows = {name: table[name] for name in ("row", "split", "group")}
    best = result["best"]
    return Outcome(
        job=job,
        folder=folder,
        classes=told.classes,
        positive=run.config["positive"],
        best=best,
        result=result,
        validation=_scored(told.validation, rows, VALIDATION, metrics),
        test=_scored(told.test, rows, TEST, metrics),
        history=told.history(best["trial"]),
        trials=len(run.trials),
        seconds=float(result["seconds"]),
    )


def _scored(
    found: Predictions | None,
    rows: Mapping[str, IntArray],
    side: int,
    metrics: Mapping[str, Metric],
) -> Scored:
    inside = rows["split"] == side
    if found is None:  # the verdict writes both files before its result
        raise RunError("the predictions of a finished run are gone", "delete it and run it again")
    scores = validation_scores(metrics, found.y_true, found.y_prob)
    return Scored(rows["row"][inside], found.y_true, found.y_prob, rows["group"][inside], scores)
