"""Numbers, durations and dates as text. Nothing here ever prints ``nan`` or ``None``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from numbers import Real

from markupsafe import Markup, escape

MISSING = "–"
MAX_DIGITS = 5


def finite(value: object) -> float | None:
    """The value as a float; None if it is missing, not a number, or not finite."""
    if isinstance(value, bool) or not isinstance(value, Real | str):
        return None
    try:
        converted = float(value)
    except ValueError:
        return None
    return converted if math.isfinite(converted) else None


def number(value: object, digits: int = 3) -> str:
    """A score with a fixed number of decimals.

    More decimals are given where fewer would round 0.9996 up to a perfect 1.000.
    """
    given = finite(value)
    if given is None:
        return MISSING
    while digits < MAX_DIGITS and abs(given) < 1.0 <= abs(round(given, digits)):
        digits += 1
    return f"{given:.{digits}f}".replace("-", "−")


def count(value: object) -> str:
    """A whole number with thousands separators."""
    given = finite(value)
    return MISSING if given is None else f"{round(given):,}"


def counted(value: object, singular: str, plural: str = "") -> str:
    """A whole number with its noun, e.g. ``1 image`` and ``2 images``."""
    return f"{count(value)} {singular if finite(value) == 1 else plural or singular + 's'}"


def percent(value: object, digits: int = 1) -> str:
    """A number of per cent, e.g. ``68.7 %``."""
    given = finite(value)
    return MISSING if given is None else f"{given:.{digits}f} %"


def interval(low: object, high: object) -> str:
    """An interval, e.g. ``0.980 to 0.995``; a dash if an end is missing."""
    if finite(low) is None or finite(high) is None:
        return MISSING
    return f"{number(low)} to {number(high)}"


def duration(seconds: object) -> str:
    """A time span in its two largest units."""
    given = finite(seconds)
    if given is None or given < 0:
        return MISSING
    if given < 10:
        return f"{given:.1f} s"
    minutes, rest = divmod(round(given), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    first = next((index for index, (number, _) in enumerate(parts) if number), 2)
    shown = [f"{number:,} {unit}" for number, unit in parts[first : first + 2] if number]
    return " ".join(shown)


def moment(text: object) -> str:
    """An ISO date and time in words, in UTC where the zone is known."""
    if not isinstance(text, str) or not text:
        return MISSING
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    if when.tzinfo is None:
        return f"{when.day} {when:%B %Y, %H:%M}"
    when = when.astimezone(UTC)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def setting(value: object) -> str:
    """A parameter's value, of whatever type, as a reader would write it."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else MISSING
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {setting(item)}" for key, item in value.items()) or MISSING
    if isinstance(value, list | tuple):
        return ", ".join(setting(item) for item in value) or MISSING
    return str(value)


def marked(text: object) -> Markup:
    """Text with what stands between backticks set as code; all of it escaped."""
    parts = re.split(r"`([^`]+)`", str(text))
    pieces = [
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    ]
    return Markup("").join(pieces)
