"""Plausible run directories of every kind, with names that try to break out of the page."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from automedimg.contracts.trials import TrialResult

NASTY_FILE = "yes/<script>alert(1)</script>.jpg"
NASTY_NOTE = "ResNet50V2: no ImageNet weights <img src=x onerror=alert(2)> found"
NASTY_CLASS = '</text><script>alert("3")</script>'


@dataclass
class Options:
    """What kind of run to write."""

    protocol: str = "grouped"
    synthetic: bool = False
    classes: tuple[str, ...] = ("no", "yes")
    finished: bool = True
    num_trials: int = 30
    openings: int = 1
    direction: str = "maximize"
    seed: int = 0
    shortcut: dict[str, Any] = field(default_factory=lambda: {"level": "none", "verdict": ""})
    run: dict[str, Any] = field(default_factory=dict)


def write_run(folder: Path, options: Options | None = None) -> list[TrialResult]:
    """Write a run directory.

    Args:
        folder: Created if it is missing.
        options: What kind of run; a finished, leak-free one by default.
    Returns:
        Its trials.
    """
    options = options or Options()
    rng = np.random.default_rng(options.seed)
    folder.mkdir(parents=True, exist_ok=True)
    trials = [_trial(number, options, rng) for number in range(options.num_trials)]
    for trial in trials:
        _write_history(folder, trial, rng)
    _dump(folder / "run.json", _run(options))
    _dump(folder / "audit.json", _audit(options))
    _write_splits(folder, options)
    complete = [trial for trial in trials if trial.state == "complete"]
    if options.finished and complete:
        sign = 1 if options.direction == "maximize" else -1
        best = max(complete, key=lambda trial: sign * (trial.value or 0))
        y_true, y_prob = _write_predictions(folder, "validation", len(options.classes), rng)
        y_true, y_prob = _write_predictions(folder, "test", len(options.classes), rng)
        _dump(folder / "result.json", _result(options, best, y_true, y_prob))
    return trials


def _dump(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _trial(number: int, options: Options, rng: np.random.Generator) -> TrialResult:
    backbone = str(rng.choice(["mobilenetv2", "efficientnetb0", "resnet50v2", "searched_cnn"]))
    params: dict[str, Any] = {
        "backbone": backbone,
        "head": "dense",
        "train": str(rng.choice(["frozen", "finetune", "scratch"])),
        f"{backbone}.alpha": 0.5,
        "dense.units": int(rng.integers(32, 512)),
        "dense.dropout": float(rng.uniform(0, 0.6)),
        "learning_rate": float(10 ** rng.uniform(-4.5, -2)),
        "batch_size": int(rng.choice([16, 32, 64])),
        "optimizer": str(rng.choice(["adam", "adamw", "sgd"])),
        "class_weight": None,
        "loss": "crossentropy",
        "sampling": "none",
        "preprocessing": str(rng.choice(["stretch", "crop+pad"])),
    }
    epochs = int(rng.integers(6, 30))
    if number in (4, 17):
        reason = f"the loss was not finite at epoch 3 {NASTY_CLASS}"
        if number == 4:
            reason = "ran out of memory\nTraceback (most recent call last):\n  fit.py, line 12"
        return TrialResult(number, "failed", params, None, reason, 2, 0, 3.4)
    value = float(1 - abs(rng.normal(0.012, 0.006)) - 0.05 / (1 + number))
    value -= 0.45 if number == 9 else 0.0
    value = value if options.direction == "maximize" else 1 - value
    pruned = number > 5 and rng.uniform() < 0.28
    return TrialResult(
        number=number,
        state="pruned" if pruned else "complete",
        params=params,
        value=value,
        reason="worse than the median at epoch 5" if pruned else "",
        epochs=5 if pruned else epochs,
        best_epoch=4 if pruned else max(1, epochs - 3),
        seconds=float(rng.uniform(4, 90)),
        validation={"auc": value, "accuracy": 0.97, "sensitivity": 0.961, "log_loss": 0.11},
    )


def _write_history(folder: Path, trial: TrialResult, rng: np.random.Generator) -> None:
    target = folder / "trials" / f"{trial.number:04d}"
    target.mkdir(parents=True)
    with (target / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "seconds", "loss", "value", "val_log_loss"])
        top = trial.value if trial.value is not None else 0.5
        for epoch in range(1, trial.epochs + 1):
            loss = 0.65 * np.exp(-epoch / 6) + 0.03 + rng.normal(0, 0.008)
            value = top - 0.25 * np.exp(-epoch / 3) + rng.normal(0, 0.002)
            over = 0.006 * max(0, epoch - 12)
            writer.writerow([epoch, 1.2, abs(loss), value, abs(loss) + 0.05 + over])
        if trial.state == "failed":
            writer.writerow([trial.epochs + 1, 1.2, "nan", "nan", "nan"])


def _write_predictions(
    folder: Path, split: str, num_classes: int, rng: np.random.Generator, num: int = 600
) -> tuple[np.ndarray, np.ndarray]:
    (folder / "best").mkdir(exist_ok=True)
    y_true = rng.permutation(np.arange(num) % num_classes).astype(np.int64)
    logits = rng.normal(0, 1, (num, num_classes))
    logits[np.arange(num), y_true] += 2.2
    y_prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.savez(folder / "best" / f"{split}.npz", row=np.arange(num), y_true=y_true, y_prob=y_prob)
    return y_true, y_prob


def _run(options: Options) -> dict[str, Any]:
    session = {"started": "2026-11-21T10:00:00+00:00", "ended": None, "seconds": None}
    if options.finished:
        session |= {"ended": "2026-11-21T10:05:12+00:00", "seconds": 312.0, "stopped_by": "trials"}
    two = len(options.classes) == 2
    return {
        "format": 2,
        "automedimg": "0.1.0",
        "task": "br35h" if two else "leukemia",
        "task_options": {},
        "recognised": "",
        "synthetic": options.synthetic,
        "data": "/home/somebody-private/data/Br35H",
        "protocol": options.protocol,
        "seed": 0,
        "metric": "auc" if options.direction == "maximize" else "log_loss",
        "metric_label": "AUC" if options.direction == "maximize" else "Log loss",
        "direction": options.direction,
        "strategy": "tpe",
        "backbones": ["mobilenetv2", "efficientnetb0", "resnet50v2", "searched_cnn"],
        "heads": ["dense"],
        "fix": {},
        "image_size": 128,
        "preprocessings": ["stretch", "crop+pad"],
        "channels": 3,
        "classes": list(options.classes),
        "positive": options.classes[1] if two else None,
        "limits": {"trials": 30, "time_s": 600.0, "patience": None, "target": None},
        "versions": {"python": "3.11.7", "keras": "3.15.1", "optuna": "5.0.0", "numpy": "2.4.6"},
        "devices": ["cpu"],
        "created": "2026-11-21T10:00:00+00:00",
        "notes": [NASTY_NOTE],
        "sessions": [session],
        "source": {
            "citation": "Hamada, A. (2020). Br35H :: Brain Tumor Detection 2020.",
            "url": "https://www.kaggle.com/datasets/ahmedhamada0/brain-tumor-detection",
            "licence": "not stated by the publisher",
        },
        **options.run,
    }


def _audit(options: Options) -> dict[str, Any]:
    images = {"train": 1920, "validation": 480, "test": 600}
    share = 1 / len(options.classes)
    leaking = 412 if options.protocol == "random" else 0
    return {
        "headline": "Nothing alarming",
        "task": "br35h",
        "recognised": None,
        "synthetic": options.synthetic,
        "shortcut": options.shortcut,
        "images": 2999,
        "classes": {name: round(2999 * share) for name in options.classes},
        "unreadable": [
            {"path": NASTY_FILE, "reason": "truncated"},
            {"path": "no/scan 14.jpg", "reason": "not an image: 'text/html' & no header"},
        ],
        "duplicates": [[f"no/no{i}.jpg", f"no/no{i + 700}.jpg"] for i in range(60)],
        "near_duplicates": [[f"yes/y{i}.jpg", f"yes/y{i + 800}.jpg"] for i in range(940)],
        "label_conflicts": [["yes/y12.jpg", "no/no77.jpg"]],
        "groups": 1500,
        "images_with_copies": 2000,
        "patients": None,
        "splits": {
            name: {
                "images": num,
                "groups": round(num * 0.68),
                "classes": {label: round(num * share) for label in options.classes},
            }
            for name, num in images.items()
        },
        "leakage": {
            "protocol": options.protocol,
            "test_images": 600,
            "leaking_images": leaking,
            "percent": 100 * leaking / 600,
            "torn_groups": leaking // 2,
            "torn_patients": 0,
        },
    }


def _write_splits(folder: Path, options: Options) -> None:
    lines = ["path,label,group,split"]
    for index in range(40):
        label = index % len(options.classes)
        lines.append(f"x/{index}.jpg,{label},{index},{'train' if index < 30 else 'test'}")
    (folder / "splits.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _result(
    options: Options, best: TrialResult, y_true: np.ndarray, y_prob: np.ndarray
) -> dict[str, Any]:
    k = len(options.classes)
    confusion = np.zeros((k, k), dtype=int)
    np.add.at(confusion, (y_true, y_prob.argmax(axis=1)), 1)
    opened = [
        {"at": f"2026-11-2{1 + i}T10:05:00+00:00", "trial": best.number - i}
        for i in range(options.openings)
    ]
    values = {"auc": 0.9897, "accuracy": 0.9633, "balanced_accuracy": 0.9634, "sensitivity": 0.96}
    values |= {"specificity": 0.9667, "precision": 0.9664, "f1": 0.9632, "mcc": 0.9267}
    values |= {"log_loss": 0.121, "brier": 0.031}
    test: dict[str, Any] = {
        name: {"value": value, "low": value - 0.0123, "high": min(1.0, value + 0.0087)}
        for name, value in values.items()
    }
    test["expected_calibration_error"] = {"value": float("nan"), "low": None, "high": None}
    return {
        "run": "runs/first",
        "task": "br35h",
        "protocol": options.protocol,
        "synthetic": options.synthetic,
        "seconds": 312.0,
        "trials": {"complete": 20, "pruned": 8, "failed": 2},
        "stopped_by": "trials",
        "best": {
            "trial": best.number,
            "params": dict(best.params),
            "validation": dict(best.validation),
            "epoch": best.best_epoch,
        },
        "test": test,
        "test_images": 600,
        "test_groups": 410,
        "confusion": confusion.tolist(),
        "test_openings": opened,
        "audit": _audit(options),
    }
