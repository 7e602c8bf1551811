"""Applies every model of a search to the test split, to see what another choice would have brought.

Run: python tests/bench/every_model.py --data PNEUMONIAMNIST --weights-dir WEIGHTS [--seconds 600]
After the verdict. A search never does this: who chooses by these numbers has no test split left.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.metrics import roc_auc_score

import automedimg
from automedimg.contracts import ScoreSpec, TrialResult
from automedimg.search import models
from automedimg.search.verdict import Judge

CLASS = 1
"""Of two, the one whose probability is scored."""

judge = Judge.judge


def judge_all(self: Judge, best: TrialResult, before: dict[str, Any] | None) -> dict[str, Any]:
    """Judge the best trial as ever, then apply all other models."""
    verdict = judge(self, best, before)
    for path in sorted(self.folder.glob("trials/*/model.keras")):
        out = str(path.with_name("test.npz"))
        job = self.executor.submit(ScoreSpec(str(path), best.params["preprocessing"], "test", out))
        while not any(
            message.job == job and message.kind in ("finished", "failed", "lost")
            for message in self.executor.messages(0.5)
        ):
            pass
    return verdict


def auc(table: Path) -> float:
    with np.load(table, allow_pickle=False) as found:
        return float(roc_auc_score(found["y_true"], found["y_prob"][:, CLASS]))


def main() -> None:
    """Search, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights-dir", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        patch.object(models, "KEEP", 10_000),
        patch.object(Judge, "judge", judge_all),
    ):
        run = Path(name) / "run"
        automedimg.search(
            data=given.data,
            weights_dir=given.weights_dir,
            download=False,
            time_s=given.seconds,
            cache_dir=Path(name) / "cache",
            out=run,
        )
        tests = run.glob("trials/*/test.npz")
        rows = [(auc(path.with_name("predictions.npz")), auc(path), path) for path in tests]
    print("| trial | validation AUC | test AUC |\n|---:|---:|---:|")
    for validation, test, path in sorted(rows, reverse=True):
        print(f"| {int(path.parent.name)} | {validation:.4f} | {test:.4f} |")


if __name__ == "__main__":
    main()
