"""Trains a network on a set ten times as large as the memory that it may still take.

A script of its own, because the limit can't be lifted again. The backend takes a gigabyte before it
has seen an image, so the limit (`ulimit -d`) is set once a small network has been trained.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

from automedimg.contracts import RunContext, TrialSpec
from automedimg.registry import load_catalog

SIDE = 128
ALLOWED = 96 * 2**20
"""Bytes that the process may allocate beyond what it holds when the limit is set."""


class Quiet:
    """A trial's line to nobody."""

    def epoch(self, row):
        print("epoch", row["epoch"], round(row["value"], 3), flush=True)
        return "continue"

    def scored(self, value, log_loss):
        return "keep"

    def cancelled(self):
        return False

    def alive(self):
        pass


def write_set(folder: Path, number: int) -> RunContext:
    """Write bright and dark noise, a piece at a time."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    shape = (number, SIDE, SIDE, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    labels = np.arange(number) % 2
    for start in range(0, number, 64):
        stop = min(start + 64, number)
        noise = rng.integers(0, 150, (stop - start, SIDE, SIDE, 3), np.uint8)
        images[start:stop] = noise + (60 * labels[start:stop, None, None, None]).astype(np.uint8)
    images.flush()
    split = np.zeros(number, dtype=np.int64)
    split[:: number // 40 | 1] = 1
    np.savez(folder / "rows.npz", row=np.arange(number), label=labels, split=split)
    return RunContext(
        pixels={"stretch": str(folder / "images.npy")},
        rows=str(folder / "rows.npz"),
        features=str(folder / "features"),
        data_fingerprint="x",
        classes=("dark", "bright"),
        metric="auc",
        seed=0,
        log=str(folder / "log.txt"),
    )


def train(folder: Path, context: RunContext) -> float:
    """Train one epoch from scratch; return the validation AUC."""
    from automedimg.training.trial import Trial, forget
    from automedimg.training.trial_data import TrialData

    spec = TrialSpec(
        number=0,
        seed=0,
        backbone="custom_cnn",
        head="dense",
        train="scratch",
        backbone_values={
            "blocks": 3,
            "filters": 8,
            "kernel_size": 3,
            "activation": "relu",
            "dropout": 0.0,
            "normalisation": "none",
            "pooling": "max",
        },
        head_values={"layers": 0, "dropout": 0.0},
        fit={
            "preprocessing": "stretch",
            "learning_rate": 1e-2,
            "batch_size": 8,
            "optimizer": "adam",
            "weight_decay": 1e-4,
            "loss": "crossentropy",
            "sampling": "none",
            "class_weight": "none",
            "augmentation": 0.2,
        },
        weights=None,
        epochs=1,
        patience=1,
        folder=str(folder),
    )
    result = Trial(spec, TrialData(context, "stretch"), load_catalog()).run(Quiet())
    forget()
    return float(result["value"])


def allocated() -> int:
    """Bytes of this process that count towards `ulimit -d`."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmData:")]
    return 1024 * int(line.split()[1])


def main(folder: Path) -> None:
    """Train on a small set, set the limit, train on a large one."""
    from automedimg.training.backend import load_keras

    load_keras()
    small = write_set(folder / "small", 256)
    train(folder / "small", small)
    number = 10 * ALLOWED // (SIDE * SIDE * 3) + 1
    large = write_set(folder / "large", number)
    limit = allocated() + ALLOWED
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        np.ones(ALLOWED * 2, dtype=np.uint8)
    except MemoryError:
        print("the limit holds")
    value = train(folder / "large", large)
    print(f"images {number} bytes {number * SIDE * SIDE * 3} allowed {ALLOWED} auc {value:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
