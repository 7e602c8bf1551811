"""Learning curves by epoch: loss, accuracy and the selection metric of the best trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from automedimg.report.files import Epoch, RunFiles
from automedimg.report.svg import Frame, Point, element, padded

NUM_OTHERS = 6
Reading = Callable[[Epoch], float | None]


@dataclass(frozen=True, slots=True)
class LearningFigures:
    """The drawings, and what their captions need.

    Args:
        loss: Loss on the training and validation split.
        accuracy: Accuracy on both; empty where that on the training split was not asked for.
        value: The selection metric on the validation split, with a few other trials behind it.
        trial: The best trial's number.
        epoch: Its chosen epoch; 0 if unknown.
        others: Numbers of the trials behind the faint curves.
        has_validation_loss: Whether the loss drawing shows the validation split too.
    """

    loss: Markup
    accuracy: Markup
    value: Markup
    trial: int
    epoch: int
    others: tuple[int, ...]
    has_validation_loss: bool


def learning_figures(files: RunFiles) -> LearningFigures | None:
    """Draw the best trial's history; None if there is none."""
    best = files.best
    history = files.history(best.number) if best else ()
    if best is None or not history:
        return None
    histories = {
        trial.number: past
        for trial in files.ranked[: NUM_OTHERS + 1]
        if trial.number != best.number and (past := files.history(trial.number))
    }
    others = list(histories.values())[:NUM_OTHERS]
    metric = str(files.run.get("metric_label") or files.run.get("metric") or "value")
    readings: list[tuple[Reading, str]] = [
        (lambda e: e.loss, "second"),
        (lambda e: e.val_log_loss, "series-0"),
    ]
    accuracies: list[tuple[Reading, str]] = [
        (lambda e: e.accuracy, "second"),
        (lambda e: e.val_accuracy, "series-0"),
    ]
    epoch = best.best_epoch
    has_accuracy = any(line.accuracy is not None for line in history)
    return LearningFigures(
        loss=_panel(history, (), readings, epoch, "Log loss"),
        accuracy=_panel(history, (), accuracies, epoch, "Accuracy") if has_accuracy else Markup(),
        value=_panel(history, others, [(lambda e: e.value, "series-0")], epoch, metric),
        trial=best.number,
        epoch=epoch,
        others=tuple(histories)[:NUM_OTHERS],
        has_validation_loss=any(line.val_log_loss is not None for line in history),
    )


def _panel(
    history: Sequence[Epoch],
    others: Sequence[Sequence[Epoch]],
    readings: Sequence[tuple[Reading, str]],
    chosen: int,
    name: str,
) -> Markup:
    """One drawing: the best trial's readings over faint curves of the other trials."""
    curves = [(_points(history, read), style) for read, style in readings]
    faint = [_points(past, read) for past in others for read, _ in readings]
    epochs = [line.epoch for past in (history, *others) for line in past]
    values = [y for points in (*faint, *(points for points, _ in curves)) for _, y in points]
    frame = Frame((0.5, max(epochs) + 0.5), padded(values), width=440, height=300)
    marks = _chosen(frame, curves, chosen)
    return frame.figure(
        f"{name} by epoch",
        frame.axes("Epoch", name, whole_x=True),
        *([frame.vertical(chosen, "chosen-rule")] if marks else []),
        *[frame.line(points, "faint") for points in faint],
        *[frame.line(points, style) for points, style in curves],
        *marks,
    )


def _points(history: Sequence[Epoch], read: Reading) -> list[Point]:
    return [(line.epoch, value) for line in history if (value := read(line)) is not None]


def _chosen(
    frame: Frame, curves: Sequence[tuple[Sequence[Point], str]], chosen: int
) -> list[Markup]:
    """Dots where the curves pass the chosen epoch."""
    places = [frame.at(x, y) for points, _ in curves for x, y in points if x == chosen]
    return [element("circle", cx=x, cy=y, r=4.5, class_="chosen") for x, y in places]
