"""Test scores as table rows and cards, and the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from automedimg.report.files import RunFiles
from automedimg.report.format import finite, interval, number
from automedimg.report.svg import element

MEANINGS: Mapping[str, tuple[str, str]] = {
    "auc": ("AUC", "chance that a positive image gets the higher score"),
    "average_precision": ("Average precision", "area under the precision-recall curve"),
    "accuracy": ("Accuracy", "share of images classified correctly"),
    "balanced_accuracy": ("Balanced accuracy", "accuracy, averaged over the classes"),
    "sensitivity": ("Sensitivity", "share of the positives found"),
    "specificity": ("Specificity", "share of the negatives cleared"),
    "precision": ("Precision", "share of the alarms that are right"),
    "f1": ("F1", "harmonic mean of precision and sensitivity"),
    "mcc": ("MCC", "Matthews correlation, from −1 to 1"),
    "kappa": ("Kappa", "agreement beyond chance"),
    "log_loss": ("Log loss", "lower is better"),
    "brier": ("Brier score", "lower is better"),
    "ece": ("Calibration error", "expected; lower is better"),
    "expected_calibration_error": ("Calibration error", "expected; lower is better"),
}
"""How well-known scores are written and explained; any other appears under its own name."""

LOWER = {name for name, (_, meaning) in MEANINGS.items() if meaning.endswith("lower is better")}
NO_BAR = Markup("")

MEANINGS_MANY: Mapping[str, str] = {
    "auc": "one class against the rest, averaged",
    "sensitivity": "averaged over the classes",
    "specificity": "averaged over the classes",
    "precision": "averaged over the classes",
    "f1": "averaged over the classes",
}

CARDS = ("auc", "sensitivity", "specificity", "accuracy", "balanced_accuracy", "f1", "mcc")
NUM_CARDS = 4


@dataclass(frozen=True, slots=True)
class Score:
    """One score: on the test split with its interval, on the validation and training split."""

    name: str
    label: str
    meaning: str
    value: str
    interval: str
    validation: str
    train: str
    bar: Markup
    selects: bool


def scores(files: RunFiles) -> list[Score]:
    """Every test score; only validation scores while the test split is closed."""
    test = (files.result or {}).get("test") or {}
    selected = ((files.result or {}).get("best") or {}).get("validation") or {}
    validation = selected or (files.best.validation if files.best else {})
    names = [*test, *[name for name in validation if name not in test]]
    train = train_scores(files)
    return [
        _score(name, test.get(name), (validation.get(name), train.get(name)), files)
        for name in names
    ]


def train_scores(files: RunFiles) -> Mapping[str, Any]:
    """Scores on the training split; empty where nobody asked for them."""
    return (files.result or {}).get("train") or {}


def bar_start(files: RunFiles) -> float:
    """Where the scale of the bars begins: good scores crowd near 1 on a scale from 0.

    Returns:
        A multiple of 0.1 in [0, 0.9].
    """
    entries = ((files.result or {}).get("test") or {}).values()
    known = [entry for entry in entries if isinstance(entry, Mapping)]
    good = [entry for entry in known if (finite(entry.get("value")) or 0.0) >= 0.5]
    lows = [low for entry in good if (low := finite(entry.get("low"))) is not None]
    return min(max(math.floor(10 * min(lows, default=0.0)) / 10, 0.0), 0.9)


def cards(rows: list[Score]) -> list[Score]:
    """The key figures, in a fixed order, as far as they exist."""
    known = {row.name: row for row in rows}
    return [known[name] for name in CARDS if name in known][:NUM_CARDS]


def score_label(name: str, files: RunFiles) -> str:
    """How a score is written in a table."""
    if name == files.run.get("metric") and files.run.get("metric_label"):
        return str(files.run["metric_label"])
    return MEANINGS[name][0] if name in MEANINGS else name.replace("_", " ").capitalize()


def _score(name: str, test: Any, seen: tuple[object, object], files: RunFiles) -> Score:
    start = bar_start(files)
    entry = test if isinstance(test, Mapping) else {"value": test}
    value, low, high = entry.get("value"), entry.get("low"), entry.get("high")
    meaning = MEANINGS.get(name, ("", ""))[1]
    if len(files.classes) > 2:
        meaning = MEANINGS_MANY.get(name, meaning)
    return Score(
        name=name,
        label=score_label(name, files),
        meaning=meaning,
        value=number(value),
        interval=interval(low, high),
        validation=number(seen[0]),
        train=number(seen[1]),
        bar=_bar(finite(value), finite(low), finite(high), start) if name not in LOWER else NO_BAR,
        selects=name == files.run.get("metric"),
    )


def _bar(value: float | None, low: float | None, high: float | None, first: float) -> Markup:
    """A dot with its interval on a scale from `first` to 1; empty where that scale doesn't fit."""
    if value is None or not first <= value <= 1.0:
        return NO_BAR
    width = 120 / (1.0 - first)
    parts = [element("line", x1=4, y1=9, x2=124, y2=9, class_="grid")]
    if low is not None and high is not None:
        start, end = (4 + width * (min(max(edge, first), 1.0) - first) for edge in (low, high))
        parts.append(element("line", x1=start, y1=9, x2=end, y2=9, class_="whisker"))
    parts.append(
        element("circle", cx=4 + width * (value - first), cy=9, r=3.5, class_="mark-complete")
    )
    return element("svg", *parts, viewBox="0 0 128 18", class_="bar", aria_hidden="true")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the confusion matrix; `share` is of its row, in [0, 1]."""

    count: int
    share: float
    right: bool


@dataclass(frozen=True, slots=True)
class ConfusionRow:
    """The images of one true class, by the class they were given."""

    name: str
    cells: tuple[Cell, ...]
    total: int


def confusion_rows(files: RunFiles) -> list[ConfusionRow]:
    """The confusion matrix with shares of its rows; empty before the test split was opened."""
    matrix = (files.result or {}).get("confusion") or []
    fits = [len(row) for row in matrix] == [len(files.classes)] * len(files.classes)
    return list(_confusion(matrix, files.classes)) if fits else []


def _confusion(matrix: Any, classes: tuple[str, ...]) -> Iterator[ConfusionRow]:
    for index, (name, row) in enumerate(zip(classes, matrix, strict=True)):
        counts = [round(finite(cell) or 0.0) for cell in row]
        total = sum(counts)
        cells = tuple(
            Cell(cell, cell / total if total else 0.0, column == index)
            for column, cell in enumerate(counts)
        )
        yield ConfusionRow(name, cells, total)
