"""What trials leave on the disk: only the best few models are kept, so that it stays bounded."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path

from automedimg.contracts import TrialResult
from automedimg.search.stopping import rank
from automedimg.training.checkpoint import FILE as CHECKPOINT

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
    complete = (result for result in finished if result.state == "complete")
    best = heapq.nlargest(KEEP, complete, key=lambda result: rank(result, maximize))
    return {result.number for result in best}


def tidy(run: Path, finished: Sequence[TrialResult], latest: TrialResult, maximize: bool) -> None:
    """Delete what the end of a trial makes superfluous: its checkpoint, and a loser's model.

    And what its worker had begun to write, if that was killed and another one ended the trial.
    """
    folder = trial_folder(run, latest.number)
    for superfluous in (folder / CHECKPOINT, *folder.glob(".*-*")):
        superfluous.unlink(missing_ok=True)
    before = worth_keeping([r for r in finished if r.number != latest.number], maximize)
    for number in (before | {latest.number}) - worth_keeping(finished, maximize):
        model_path(run, number).unlink(missing_ok=True)


def sweep(
    run: Path, finished: Sequence[TrialResult], maximize: bool, *, shared: bool = False
) -> None:
    """Delete what a kill left behind: losers' models, checkpoints, files that were being written.

    Args:
        run: The run directory.
        finished: All finished trials. No other one may be running, unless it is
        shared: then the folders of trials that others may be at work on are left alone.
        maximize: Whether more of the metric is better.
    """
    kept = worth_keeping(finished, maximize)
    ended = {trial_folder(run, result.number) for result in finished}
    best = {trial_folder(run, number) for number in kept}
    others = ended if shared else {run, run / "best", *(run / "trials").glob("*")}
    for folder in others:
        for torn in folder.glob(".*-*"):
            torn.unlink(missing_ok=True)
        if folder in ended:
            (folder / CHECKPOINT).unlink(missing_ok=True)
        if folder in ended - best:
            (folder / MODEL).unlink(missing_ok=True)
