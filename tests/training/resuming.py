"""Small trials that are cut off and go on; also a script, for one that goes on in a new process."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from automedimg.contracts import Decision, RunContext, TrialSpec
from automedimg.registry import load_catalog

NUM = {"train": 44, "validation": 20}

FIT = {
    "preprocessing": "stretch",
    "learning_rate": 3e-3,
    "batch_size": 16,
    "optimizer": "adam",
    "weight_decay": 1e-3,
    "loss": "crossentropy",
    "sampling": "none",
    "class_weight": "balanced",
    "augmentation": 0.5,
    "unfreeze": 0.5,
}
CNN = {
    "blocks": 3,
    "filters": 8,
    "kernel_size": 3,
    "activation": "relu",
    "dropout": 0.2,
    "normalisation": "batch",
    "pooling": "max",
}
HEAD = {"layers": 1, "units": 16, "activation": "relu", "dropout": 0.5}
MOBILE = {"backbone": "mobilenetv2", "backbone_values": {"alpha": 0.35}}

CASES: Mapping[str, Mapping[str, Any]] = {
    "scratch": {},
    "scratch-sgd-oversample": {"fit": {"optimizer": "sgd", "sampling": "oversample"}},
    "scratch-rmsprop-undersample": {"fit": {"optimizer": "rmsprop", "sampling": "undersample"}},
    "scratch-accumulate": {"accumulate": 3},
    "frozen": {"train": "frozen"},
    # So coarse a learning rate that the metric stands still, and the rate is halved.
    "frozen-plateau": {
        "train": "frozen",
        "fit": {
            "schedule": "plateau",
            "plateau_patience": 1,
            "optimizer": "sgd",
            "momentum": 0.9,
            "nesterov": False,
            "learning_rate": 1.0,
        },
    },
    "scratch-exponential": {
        "fit": {
            "schedule": "exponential",
            "changes": "flip+rotation:90+shear",
            "loss": "binary_crossentropy",
        }
    },
    "finetune": {"train": "finetune", "fit": {"unfreeze": 0.5}},
    "finetune-mobilenet": {"train": "finetune", **MOBILE, "fit": {"unfreeze": 0.2}},
}


class CutOffError(Exception):
    """Stands for a kill."""


class Line:
    """A trial's line on which everything is kept, until it is cut.

    Args:
        cut_at: The epoch at whose report it is cut.
        cut_after: Signs of life after that epoch until it is cut, instead of at the report.
        end: What ends the trial: an epoch, and the answer to it.
    """

    def __init__(
        self,
        cut_at: int | None = None,
        cut_after: int | None = None,
        end: tuple[int, Decision] | None = None,
    ) -> None:
        self._cut_at, self._cut_after, self._end = cut_at, cut_after, end
        self.epochs: list[int] = []
        self.signs, self.scores = 0, 0

    def epoch(self, row: Mapping[str, Any]) -> Decision:
        self.epochs.append(row["epoch"])
        if row["epoch"] == self._cut_at:
            if self._cut_after is None:
                raise CutOffError
            self.signs = 0
        return self._end[1] if self._end and self._end[0] == row["epoch"] else "continue"

    def alive(self) -> None:
        self.signs += 1
        cut = self._cut_after is not None and self._cut_at in self.epochs
        if cut and self.signs > (self._cut_after or 0):
            raise CutOffError

    def scored(self, value: float, log_loss: float) -> Decision:
        self.scores += 1
        return "keep"

    def cancelled(self) -> bool:
        return False


def write_data(folder: Path) -> RunContext:
    """Bright and dark noise, hard to tell apart, as a run would see it."""
    num = sum(NUM.values())
    rng = np.random.default_rng(0)
    labels = (np.arange(num) % 3 == 0).astype(np.int64)
    images = rng.integers(0, 200, (num, 32, 32, 3)) + 8 * labels[:, None, None, None]
    (folder / "pixels").mkdir(parents=True)
    np.save(folder / "pixels" / "images.npy", images.astype(np.uint8))
    split = np.repeat([0, 1], list(NUM.values()))
    np.savez(folder / "rows.npz", row=np.arange(num), label=labels, split=split)
    return read_data(folder)


def read_data(folder: Path) -> RunContext:
    return RunContext(
        pixels={"stretch": str(folder / "pixels" / "images.npy")},
        rows=str(folder / "rows.npz"),
        features=str(folder / "features"),
        data_fingerprint="x",
        classes=("dark", "bright"),
        metric="auc",
        seed=0,
        log=str(folder / "log.txt"),
    )


def make_spec(folder: Path, case: str = "scratch", **changes: Any) -> TrialSpec:
    folder.mkdir(exist_ok=True)
    settings: dict[str, Any] = {
        "number": 0,
        "seed": 5,
        "backbone": "custom_cnn",
        "head": "dense",
        "train": "scratch",
        "backbone_values": CNN,
        "head_values": HEAD,
        "weights": None,
        "epochs": 5,
        "patience": 9,
        "folder": str(folder),
        "checkpoint_s": 0.0,
        **CASES[case],
        **changes,
    }
    return TrialSpec(**{**settings, "fit": {**FIT, **settings.get("fit", {})}})


def run(context: RunContext, spec: TrialSpec, line: Line | None = None) -> dict[str, Any]:
    """Run a trial; return all that it came to but for its seconds."""
    from automedimg.training.trial import Trial, forget
    from automedimg.training.trial_data import TrialData

    try:
        result = Trial(spec, TrialData(context, "stretch"), load_catalog()).run(line or Line())
    finally:
        forget()
    # Where the features come from, and how long it took, is no result.
    spent = ("seconds", "extracted", "extraction_s")
    return {**{k: v for k, v in result.items() if k not in spent}, **read_results(spec)}


def read_results(spec: TrialSpec) -> dict[str, Any]:
    """The files of a trial: history without seconds, probabilities and weights in hexadecimal."""
    from automedimg.training.backend import load_keras

    folder = Path(spec.folder)
    with (folder / "history.csv").open() as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    with np.load(folder / "predictions.npz") as file:
        found = {"history": rows, "y_prob": file["y_prob"].tobytes().hex()}
    if (folder / "model.keras").exists():
        model = load_keras().models.load_model(folder / "model.keras", compile=False)
        found["weights"] = [weight.tobytes().hex() for weight in model.get_weights()]
    return found


def main(data: str, folder: str, case: str, cut_at: str = "") -> None:
    """Run a trial in this process and print what it came to, unless it is cut off."""
    from automedimg.training.backend import load_keras

    load_keras()
    line = Line(cut_at=int(cut_at), cut_after=1) if cut_at else Line()
    found = None
    with contextlib.suppress(CutOffError):
        found = run(read_data(Path(data)), make_spec(Path(folder), case), line)
    print(json.dumps({"epochs": line.epochs, "found": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
