"""The ROC figure: one curve of a two-class task, one-vs-rest curves of any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from automedimg.contracts import FloatArray, IntArray
from automedimg.errors import DataError, MetricUndefinedError
from automedimg.evaluation.curves import roc_curve
from automedimg.report.files import Predictions, RunFiles
from automedimg.report.format import finite
from automedimg.report.svg import Frame, Point, element, label

NUM_COLOURS = 7
MAX_POINTS = 400


@dataclass(frozen=True, slots=True)
class Curve:
    """A named ROC curve and the class that colours it."""

    name: str
    style: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class RocFigure:
    """The drawing, and its curves for the legend."""

    drawing: Markup
    curves: tuple[Curve, ...]
    has_operating_point: bool


def roc_figure(files: RunFiles) -> RocFigure | None:
    """Draw the ROC curves of the test split; of the validation split while that is all there is."""
    curves = tuple(_curves(files))
    if not curves:
        return None
    frame = Frame((0.0, 1.0), (0.0, 1.0), width=440, height=440)
    point = _operating_point(files)
    marks = [_mark(frame, point)] if point else []
    drawing = frame.figure(
        "ROC curves: " + ", ".join(curve.name for curve in curves),
        frame.axes("1 − specificity (false positive rate)", "Sensitivity (true positive rate)"),
        frame.line([(0.0, 0.0), (1.0, 1.0)], "chance"),
        *[frame.line(curve.points, curve.style) for curve in curves],
        *marks,
    )
    return RocFigure(drawing, curves, bool(marks))


def _curves(files: RunFiles) -> Iterator[Curve]:
    test, validation = files.test, files.validation
    if len(files.classes) != 2:
        split = test or validation
        if split is not None:
            yield from _one_vs_rest(split, files.classes)
        return
    for split, name, style in ((validation, "Validation", "second"), (test, "Test", "series-0")):
        points = roc_points(split.y_true, split.y_prob, files.positive) if split is not None else ()
        if points:
            yield Curve(f"{name} split", style, points)


def _one_vs_rest(split: Predictions, classes: Sequence[str]) -> Iterator[Curve]:
    for index, name in enumerate(classes):
        points = roc_points(split.y_true, split.y_prob, index)
        if points:
            yield Curve(name, series(index), points)


def roc_points(y_true: IntArray, y_prob: FloatArray, positive: int) -> tuple[Point, ...]:
    """The curve of a class against the rest, thinned out to what a screen can show.

    Args:
        y_true: int array, shape (N,).
        y_prob: float array, shape (N, K).
        positive: The class.
    Returns:
        Corners (1 - specificity, sensitivity); empty where the curve is undefined.
    """
    if positive >= y_prob.shape[1]:
        return ()
    is_positive = (y_true == positive).astype(np.int64)
    if is_positive.min(initial=1) == is_positive.max(initial=0):
        return ()
    try:
        fpr, tpr = roc_curve(is_positive, y_prob[:, positive])
    except (DataError, MetricUndefinedError):
        return ()
    kept = np.unique(np.linspace(0, len(fpr) - 1, min(len(fpr), MAX_POINTS)).round().astype(int))
    return tuple((float(fpr[i]), float(tpr[i])) for i in kept)


def series(number: int) -> str:
    """Return the class of a curve; beyond the palette, dashes tell those of one colour apart."""
    dashed = " dashed" if number >= NUM_COLOURS else ""
    return f"series-{number % NUM_COLOURS}{dashed}"


def _operating_point(files: RunFiles) -> Point | None:
    """Where the two-class decision of the confusion matrix lies on the curve."""
    rows = (files.result or {}).get("confusion") or []
    if len(files.classes) != 2 or files.test is None or [len(row) for row in rows] != [2, 2]:
        return None
    shares = []
    for true in (1 - files.positive, files.positive):
        cells = [finite(cell) or 0.0 for cell in rows[true]]
        if not sum(cells):
            return None
        shares.append(cells[files.positive] / sum(cells))
    return shares[0], shares[1]


def _mark(frame: Frame, point: Point) -> Markup:
    x, y = frame.at(*point)
    return Markup("").join(
        [
            element("circle", cx=x, cy=y, r=5.5, class_="chosen"),
            label(x + 12, y + 16, "decision", class_="note"),
        ]
    )
