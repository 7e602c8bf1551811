"""The verdict waits for a worker that may be killed, and not for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_orchestrator import Scripted

from automedimg.contracts import Message, ScoreSpec, TrialResult
from automedimg.errors import RunError
from automedimg.search.verdict import MAX_LOST, Judge


class Scoring(Scripted):
    """Loses the first few jobs, then writes predictions."""

    def __init__(self, lost: int) -> None:
        super().__init__(lambda *_: [])
        self.lost, self.jobs = lost, 0

    def submit(self, job: Any) -> int:
        assert isinstance(job, ScoreSpec)
        self.jobs += 1
        if self.jobs <= self.lost:
            self.due.append(Message("lost", self.jobs, {"reason": "killed", "cause": ""}))
        else:
            np.savez(job.out, y_true=np.array([0, 1]), y_prob=np.eye(2))
            self.due.append(Message("finished", self.jobs, {}))
        return self.jobs


def judge(folder: Path, executor: Scoring) -> Judge:
    (folder / "best").mkdir()
    nothing: Any = None
    return Judge(folder, {}, nothing, nothing, executor, nothing)


BEST = TrialResult(0, "complete", {"preprocessing": "stretch"}, 0.9)


def test_a_lost_worker_is_replaced(tmp_path: Path) -> None:
    executor = Scoring(MAX_LOST)
    y_true, _ = judge(tmp_path, executor)._predict(BEST, "test")
    assert y_true.tolist() == [0, 1]
    assert executor.jobs == MAX_LOST + 1


def test_one_that_is_lost_for_ever_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="can't be applied to the test split: killed"):
        judge(tmp_path, Scoring(99))._predict(BEST, "test")
