"""A few words of SVG: elements, scales and a frame with axes. Colours come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

Point = tuple[float, float]
Span = tuple[float, float]


def element(name: str, *children: str, **attributes: object) -> Markup:
    """An SVG element. Text and attribute values are escaped unless they are `Markup`.

    Args:
        name: The element's name.
        children: Its content.
        attributes: ``class_`` is written as ``class``, ``stroke_width`` as ``stroke-width``.
    """
    written = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
    ]
    content = Markup("").join(children)
    return Markup("<{}{}>{}</{}>").format(name, Markup("").join(written), content, name)


def _value(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def label(x: float, y: float, text: str, *, anchor: str = "start", class_: str = "tick") -> Markup:
    """A line of text; `anchor` is ``start``, ``middle`` or ``end``."""
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between two others, at most `most` of them or so."""
    if not high > low:
        return [low]
    rough = (high - low) / max(most - 1, 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1.0, 2.0, 5.0, 10.0) if size * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [step * index for index in range(first, last + 1)]


def tick_text(values: Sequence[float]) -> list[str]:
    """Ticks as text, all with the decimals that their distance needs."""
    step = min((b - a for a, b in pairwise(values)), default=0.0)
    digits = max(0, math.ceil(-math.log10(step) - 1e-9)) if step > 0 else 2
    return [f"{value:.{digits}f}".replace("-", "−") for value in values]


def padded(values: Iterable[float], share: float = 0.06) -> Span:
    """The span of the values with some air around it; never empty."""
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    air = (high - low) * share or max(abs(high) * 0.05, 0.05)
    return low - air, high + air


@dataclass(frozen=True, slots=True)
class Frame:
    """The plotting area of a figure: data coordinates in, SVG coordinates out.

    Args:
        x: What the horizontal axis spans.
        y: What the vertical axis spans.
        width: Of the whole figure.
        height: Of the whole figure.
    """

    x: Span
    y: Span
    width: float = 640.0
    height: float = 300.0
    left: float = 66.0
    right: float = 14.0
    top: float = 14.0
    bottom: float = 46.0

    def at(self, x: float, y: float) -> Point:
        """Where a data point lies in the figure."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            self.left + across * (self.width - self.left - self.right),
            self.height - self.bottom - up * (self.height - self.top - self.bottom),
        )

    def axes(self, x_label: str, y_label: str, *, whole_x: bool = False) -> Markup:
        """Grid lines, ticks and the axes' names.

        Args:
            whole_x: Whether only whole numbers make sense on the horizontal axis.
        """
        across = ticks(*self.x, most=9)
        if whole_x:
            across = [value for value in across if value == int(value)] or [float(int(self.x[1]))]
        bottom = self.height - self.bottom
        middle_y = (self.top + bottom) / 2
        return Markup("").join(
            [
                *self._rows(ticks(*self.y)),
                *self._columns(across),
                self._rule((self.left, bottom), (self.width - self.right, bottom), "axis"),
                label(
                    (self.left + self.width - self.right) / 2,
                    self.height - 8,
                    x_label,
                    anchor="middle",
                    class_="axis-name",
                ),
                element(
                    "text",
                    y_label,
                    transform=f"translate(14 {middle_y:.1f}) rotate(-90)",
                    text_anchor="middle",
                    class_="axis-name",
                ),
            ]
        )

    def _rows(self, values: Sequence[float]) -> Iterable[Markup]:
        for value, text in zip(values, tick_text(values), strict=True):
            _, y = self.at(self.x[0], value)
            yield self._rule((self.left, y), (self.width - self.right, y), "grid")
            yield label(self.left - 8, y + 4, text, anchor="end")

    def _columns(self, values: Sequence[float]) -> Iterable[Markup]:
        bottom = self.height - self.bottom
        for value, text in zip(values, tick_text(values), strict=True):
            x, _ = self.at(value, self.y[0])
            yield self._rule((x, bottom), (x, bottom + 5), "axis")
            yield label(x, bottom + 19, text, anchor="middle")

    def _rule(self, start: Point, end: Point, class_: str) -> Markup:
        return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)

    def line(self, points: Iterable[Point], class_: str) -> Markup:
        """A line through data points."""
        placed = (self.at(*point) for point in points)
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        return element("polyline", points=text, class_=f"curve {class_}")

    def vertical(self, x: float, class_: str) -> Markup:
        """A rule over the whole height."""
        place, _ = self.at(x, self.y[0])
        return self._rule((place, self.top), (place, self.height - self.bottom), class_)

    def figure(self, title: str, *children: str) -> Markup:
        """The finished drawing; `title` says in words what it shows."""
        return element(
            "svg",
            element("title", title),
            *children,
            viewBox=f"0 0 {self.width:.0f} {self.height:.0f}",
            role="img",
            class_="chart",
        )
