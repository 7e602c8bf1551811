"""The models of a run: only the best few are kept, so that disk use stays bounded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automedimg.contracts import TrialResult
from automedimg.search.stopping import rank

KEEP = 3
"""Models of finished trials that stay on disk."""

MODEL = "model.keras"


def trial_folder(run: Path, number: int) -> Path:
    """Where a trial's files are."""
    return run / "trials" / f"{number:04d}"


def model_path(run: Path, number: int) -> Path:
    """Where a trial's model is, if it was kept."""
    return trial_folder(run, number) / MODEL


def worth_keeping(finished: Sequence[TrialResult], maximize: bool) -> set[int]:
    """Numbers of the trials whose models are kept."""
    complete = [result for result in finished if result.state == "complete"]
    complete.sort(key=lambda result: rank(result, maximize), reverse=True)
    return {result.number for result in complete[:KEEP]}


def drop_losers(run: Path, finished: Sequence[TrialResult], maximize: bool) -> None:
    """Delete the models of finished trials that are not worth keeping any more."""
    kept = worth_keeping(finished, maximize)
    for result in finished:
        if result.number not in kept:
            model_path(run, result.number).unlink(missing_ok=True)
