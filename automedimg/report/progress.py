"""The search's progress: each trial's value, and the best so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from automedimg.contracts.trials import TrialResult
from automedimg.report.files import RunFiles
from automedimg.report.format import finite, number
from automedimg.report.svg import Frame, Point, Span, element, padded

FAR = 8.0
"""Values further from the best than so many times the median's distance are drawn at the edge."""


@dataclass(frozen=True, slots=True)
class ProgressFigure:
    """The drawing, and which kinds of mark its legend has to explain."""

    drawing: Markup
    kinds: frozenset[str]


def progress_figure(files: RunFiles) -> ProgressFigure | None:
    """Draw every trial at its number; None before any trial has ended."""
    if not files.trials:
        return None
    span = visible_span([t for t in files.trials if t.state != "failed"], files.maximize)
    numbers = [trial.number for trial in files.trials]
    air = max(0.6, 0.015 * (numbers[-1] - numbers[0]))
    frame = Frame((numbers[0] - air, numbers[-1] + air), span, width=860, height=320)
    metric = str(files.run.get("metric_label") or files.run.get("metric") or "value")
    best = files.best
    marks = [_mark(frame, trial, metric, best) for trial in files.trials]
    drawing = frame.figure(
        f"{metric} on the validation split, trial by trial",
        frame.axes("Trial", f"{metric} (validation)", whole_x=True),
        frame.line(_clipped(best_so_far(files), span), "best-so-far"),
        *[mark for mark, _ in marks],
    )
    return ProgressFigure(drawing, frozenset(kind for _, kind in marks))


def visible_span(trials: Sequence[TrialResult], maximize: bool) -> Span:
    """What the vertical axis shows: all values, but for those so bad that they'd flatten the rest.

    Args:
        trials: Those that have a value.
        maximize: Whether more is better.
    """
    values = sorted((v for t in trials if (v := finite(t.value)) is not None), reverse=maximize)
    if not values:
        return 0.0, 1.0
    best, median = values[0], values[len(values) // 2]
    reach = FAR * abs(best - median)
    kept = [value for value in values if not reach or abs(value - best) <= reach]
    return padded(kept, share=0.1)


def best_so_far(files: RunFiles) -> list[Point]:
    """Corners of the stairs that the best complete value climbs, up to the last trial."""
    points: list[Point] = []
    for trial in files.trials:
        value = finite(trial.value)
        if trial.state != "complete" or value is None:
            continue
        if not points:
            points.append((trial.number, value))
        elif (value > points[-1][1]) == files.maximize and value != points[-1][1]:
            points += [(trial.number, points[-1][1]), (trial.number, value)]
    return [*points, (files.trials[-1].number, points[-1][1])] if points else []


def _clipped(points: Sequence[Point], span: Span) -> Iterator[Point]:
    for x, y in points:
        yield x, min(max(y, span[0]), span[1])


def _mark(
    frame: Frame, trial: TrialResult, metric: str, best: TrialResult | None
) -> tuple[Markup, str]:
    """A trial's mark and its kind: complete, pruned, failed, best or far."""
    value = finite(trial.value)
    if trial.state == "failed" or value is None:
        x, y = frame.at(trial.number, frame.y[0])
        note = element("title", f"Trial {trial.number}: {trial.reason or 'no value'}")
        path = f"M{x - 4:.1f} {y - 12:.1f}l8 8m0 -8l-8 8"
        return element("path", note, d=path, class_="mark-failed"), "failed"
    note = element("title", f"Trial {trial.number}: {metric} {number(value, 4)}, {trial.state}")
    if not frame.y[0] <= value <= frame.y[1]:
        edge = frame.y[0] if value < frame.y[0] else frame.y[1]
        x, y = frame.at(trial.number, edge)
        inward = -1 if value < frame.y[0] else 1
        path = f"M{x:.1f} {y + inward * 2:.1f}l-4.5 {inward * 8}h9z"
        return element("path", note, d=path, class_="mark-far"), "far"
    x, y = frame.at(trial.number, value)
    dot = element("circle", note, cx=x, cy=y, r=4.5, class_=f"mark-{trial.state}")
    if best is None or trial.number != best.number:
        return dot, trial.state
    ring = element("circle", cx=x, cy=y, r=9.0, class_="chosen-ring")
    return Markup("").join([dot, ring]), "best"
