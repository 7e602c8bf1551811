"""The audit's drawings and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from automedimg.report.format import count, finite, interval, number, setting
from automedimg.report.svg import element, label, tick_text, ticks

MOST_ROWS = 40
"""Of a table of counts; the rest is added up in one row."""
ROW, LEFT, RIGHT, TOP, WIDTH = 26.0, 190.0, 170.0, 8.0, 720.0
LONGEST_NAME = 26


@dataclass(frozen=True, slots=True)
class Tally:
    """A row of a table of counts; `share` is of all, `bar` of the largest, both in [0, 1]."""

    name: str
    count: str
    share: float
    bar: float


@dataclass(frozen=True, slots=True)
class AuditSplit:
    """A side of the split."""

    name: str
    images: str
    groups: str
    classes: tuple[str, ...]
    share: float


def tallies(counts: object, most: int = MOST_ROWS, total: object = None) -> list[Tally]:
    """Rows of a table of counts, in the order given; the last stands for those left out.

    Args:
        counts: Numbers by name.
        most: Rows at most.
        total: What shares are of; None is the sum.
    """
    if not isinstance(counts, Mapping):
        return []
    known = [(str(name), finite(value) or 0.0) for name, value in counts.items()]
    if len(known) > most:
        rest = known[most - 1 :]
        known = known[: most - 1]
        known.append((f"{len(rest):,} more", sum(value for _, value in rest)))
    whole = finite(total) or sum(value for _, value in known)
    top = max((value for _, value in known), default=0.0)
    return [
        Tally(name, count(value), value / whole if whole else 0.0, value / top if top else 0.0)
        for name, value in known
    ]


def size_rows(audit: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[Tally]]:
    """The sizes in words, and how often the common ones occur."""
    sizes = audit.get("sizes") or {}
    named = [
        (name.capitalize(), _size(sizes.get(name))) for name in ("smallest", "median", "largest")
    ]
    if finite(sizes.get("distinct")) is not None:
        named.append(("Different sizes", count(sizes["distinct"])))
    common = {
        f"{entry.get('width', '?')} × {entry.get('height', '?')}": entry.get("images")
        for entry in sizes.get("common") or ()
    }
    named = [row for row in named if row[1]]
    return named, tallies(common, total=audit.get("images"))


def _size(pair: object) -> str:
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        return ""
    return f"{count(pair[0])} × {count(pair[1])}"


def intensity_rows(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Grey levels, as a network sees them and as they are stored."""
    found = audit.get("intensity") or {}
    names = {
        "darkest": "Darkest pixel, median of the images",
        "mean": "Mean grey",
        "brightest": "Brightest pixel, median of the images",
    }
    rows = [(text, setting(found[key])) for key, text in names.items() if key in found]
    stored = found.get("stored")
    if isinstance(stored, Sequence) and len(stored) == 2:
        rows.append(("Stored values", f"{setting(stored[0])} to {setting(stored[1])}"))
    return rows


def audit_splits(audit: Mapping[str, Any], classes: Sequence[str]) -> list[AuditSplit]:
    """The sides of the split."""
    sides = audit.get("splits") or {}
    total = sum(finite(side.get("images")) or 0.0 for side in sides.values())
    return [
        AuditSplit(
            str(name),
            count(side.get("images")),
            count(side.get("groups")),
            tuple(count((side.get("classes") or {}).get(label)) for label in classes),
            (finite(side.get("images")) or 0.0) / total if total else 0.0,
        )
        for name, side in sides.items()
    ]


def shortcut_figure(shortcut: Mapping[str, Any]) -> Markup | None:
    """Dot and whisker of each column's AUC, and of all together; None if nothing was measured."""
    whole = shortcut.get("auc") or {}
    rows = [("all together", whole.get("value"), whole.get("low"), whole.get("high"))]
    rows += [
        (str(column.get("name")), column.get("auc"), column.get("low"), column.get("high"))
        for column in shortcut.get("columns") or ()
    ]
    drawn = [row for row in rows if finite(row[1]) is not None]
    if not drawn or finite(whole.get("value")) is None:
        return None
    ends = [end for row in drawn for value in row[1:] if (end := finite(value)) is not None]
    first = min(0.4, int(10 * min(ends)) / 10)
    carried = {str(name) for name in shortcut.get("carried_by") or ()}
    height = TOP + ROW * len(drawn) + 44
    children = [*_axis(first, height), *_rows(drawn, carried, first)]
    return element(
        "svg",
        element("title", f"AUC of metadata alone: {number(whole['value'])} of all together"),
        *children,
        viewBox=f"0 0 {WIDTH:.0f} {height:.0f}",
        role="img",
        class_="chart",
    )


def _across(value: float, first: float) -> float:
    return LEFT + (value - first) / (1.0 - first) * (WIDTH - LEFT - RIGHT)


def _axis(first: float, height: float) -> list[Markup]:
    bottom = height - 38
    marks = ticks(first, 1.0, most=7)
    drawn = []
    for value, text in zip(marks, tick_text(marks), strict=True):
        x = _across(value, first)
        drawn.append(element("line", x1=x, y1=TOP, x2=x, y2=bottom, class_="grid"))
        drawn.append(label(x, bottom + 16, text, anchor="middle"))
    x = _across(0.5, first)
    drawn.append(element("line", x1=x, y1=TOP, x2=x, y2=bottom, class_="chance-rule"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    name = "AUC on unseen groups (dashed: chance)"
    return [*drawn, label(middle, height - 4, name, anchor="middle", class_="axis-name")]


def _rows(
    rows: Sequence[tuple[str, Any, Any, Any]], carried: set[str], first: float
) -> list[Markup]:
    drawn = []
    for place, (name, value, low, high) in enumerate(rows):
        y = TOP + ROW * (place + 0.5)
        kind = "whole" if place == 0 else "carries" if name in carried else "plain"
        short = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
        parts = [label(LEFT - 12, y + 4, short, anchor="end", class_="note")]
        if finite(low) is not None and finite(high) is not None:
            ends = (_across(float(low), first), _across(float(high), first))
            parts.append(element("line", x1=ends[0], y1=y, x2=ends[1], y2=y, class_="whisker"))
        parts.append(element("circle", cx=_across(float(value), first), cy=y, r=4.5, class_="dot"))
        known = f" ({interval(low, high)})" if finite(low) is not None else ""
        parts.append(label(WIDTH - RIGHT + 14, y + 4, number(value) + known))
        drawn.append(element("g", element("title", name), *parts, class_=f"row {kind}"))
    return drawn
