"""Drawings of a paper's page: ROC curves and learning curves of several models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from automedimg.contracts import FloatArray, IntArray
from automedimg.papers.outcomes import Outcome
from automedimg.papers.results import Group
from automedimg.report.roc import roc_points, series
from automedimg.report.svg import Frame, Point, padded


@dataclass(frozen=True, slots=True)
class Line:
    """A named curve and the class that colours it."""

    name: str
    style: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with its legend and caption."""

    svg: Markup
    lines: tuple[Line, ...]
    caption: str


def roc_drawings(groups: Sequence[Group], positive: int | None) -> list[Drawing]:
    """ROC curves on the test side, from the mean of the fold models' probabilities.

    Args:
        groups: One a model, all of one split.
        positive: Index of the positive class of two; None draws each model's classes against the
            rest, in a figure of its own.
    """
    if positive is not None:
        lines = [
            _roc(g.arm.label, number, g.folds[0].test.y_true, g.pooled, positive)
            for number, g in enumerate(groups)
        ]
        return _one_roc([line for line in lines if line], f"{groups[0].protocol} split")
    found = []
    for group in groups:
        test, classes = group.folds[0].test, group.folds[0].classes
        lines = [_roc(name, k, test.y_true, group.pooled, k) for k, name in enumerate(classes)]
        caption = f"{group.arm.label}, each class against the rest, {group.protocol} split"
        found += _one_roc([line for line in lines if line], caption)
    return found


def _roc(
    name: str, number: int, y_true: IntArray, y_prob: FloatArray, positive: int
) -> Line | None:
    points = roc_points(y_true, y_prob, positive)
    return Line(name, series(number), points) if points else None


def _one_roc(lines: Sequence[Line], caption: str) -> list[Drawing]:
    if not lines:
        return []
    frame = Frame((0.0, 1.0), (0.0, 1.0), width=440, height=440)
    svg = frame.figure(
        f"ROC curves, {caption}",
        frame.axes("1 − specificity (false positive rate)", "Sensitivity (true positive rate)"),
        frame.line([(0.0, 0.0), (1.0, 1.0)], "chance"),
        *[frame.line(line.points, line.style) for line in lines],
    )
    return [Drawing(svg, tuple(lines), caption)]


def learning_drawings(group: Group, metric: str) -> list[Drawing]:
    """Loss and the selection metric by epoch, a curve a fold: training dashed, validation not."""
    folds = [fold for fold in group.folds if fold.history]
    if not folds:
        return []
    losses: list[Line] = []
    values: list[Line] = []
    accuracies: list[Line] = []
    for number, fold in enumerate(folds):
        named = f"fold {fold.job.fold}, " if fold.job.fold else ""
        losses.append(Line(f"{named}training", f"{series(number)} second", _points(fold, "loss")))
        losses.append(Line(f"{named}validation", series(number), _points(fold, "val_log_loss")))
        values.append(Line(f"{named}validation", series(number), _points(fold, "value")))
        accuracies.append(
            Line(f"{named}training", f"{series(number)} second", _points(fold, "accuracy"))
        )
        accuracies.append(Line(f"{named}validation", series(number), _points(fold, "val_accuracy")))
    about = f"{group.arm.label}, {group.protocol} split"
    drawn = [_by_epoch(losses, "Log loss", about)]
    if any(line.points for line in accuracies):
        drawn.append(_by_epoch(accuracies, "Accuracy", about))
    if metric != "Accuracy" or len(drawn) < 2:
        drawn.append(_by_epoch(values, metric, about))
    return [drawing for drawing in drawn if drawing is not None]


def _by_epoch(lines: Sequence[Line], name: str, about: str) -> Drawing | None:
    shown = tuple(line for line in lines if line.points)
    if not shown:
        return None
    last = max(x for line in shown for x, _ in line.points)
    span = padded(y for line in shown for _, y in line.points)
    frame = Frame((0.5, last + 0.5), span, width=440, height=280)
    svg = frame.figure(
        f"{name} by epoch, {about}",
        frame.axes("Epoch", name, whole_x=True),
        *[frame.line(line.points, line.style) for line in shown],
    )
    return Drawing(svg, shown, f"{name} by epoch: {about}")


def _points(fold: Outcome, what: str) -> tuple[Point, ...]:
    return tuple(
        (line.epoch, value) for line in fold.history if (value := getattr(line, what)) is not None
    )
