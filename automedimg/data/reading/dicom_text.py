"""Single values of a DICOM data set, or nothing where they are damaged.

pydicom raises, with the value in its message, when a damaged element is looked at; the value may
be a person's name, so no such message goes on.
"""

from __future__ import annotations

import math
from typing import Any


def value_of(dataset: Any, keyword: str) -> Any:
    """Return an element's value; None where it is missing or damaged."""
    try:
        return dataset.get(keyword)
    except Exception:  # noqa: BLE001 - pydicom's converters raise nearly anything
        return None


def values_of(dataset: Any, keyword: str) -> list[Any]:
    """Return all values of an element that may have several."""
    value = value_of(dataset, keyword)
    if value is None or isinstance(value, bytes):
        return []
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return [value]
    try:
        return list(value)
    except Exception:  # noqa: BLE001
        return []


def numbers(dataset: Any, keyword: str) -> list[float]:
    """Return the finite numbers of an element; none where one of its values is no number."""
    try:
        found = [float(value) for value in values_of(dataset, keyword)]
    except (TypeError, ValueError, OverflowError):
        return []
    return found if all(math.isfinite(value) for value in found) else []


def number(dataset: Any, keyword: str) -> float | None:
    """Return the first number of an element."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def integer(dataset: Any, keyword: str) -> int | None:
    """Return the first number of an element if it is whole."""
    found = number(dataset, keyword)
    return int(found) if found is not None and found == int(found) else None


def texts(dataset: Any, keyword: str) -> list[str]:
    """Return the texts of an element, trimmed."""
    found = values_of(dataset, keyword)
    return [str(value).strip(" \0") for value in found if isinstance(value, str)]


def text(dataset: Any, keyword: str) -> str:
    """Return the first text of an element; empty where there is none."""
    found = texts(dataset, keyword)
    return found[0] if found else ""


def item(dataset: Any, keyword: str, index: int = 0) -> Any:
    """Return an item of a sequence; None where there is none."""
    sequence = value_of(dataset, keyword)
    try:
        return sequence[index] if sequence is not None and len(sequence) > index else None
    except Exception:  # noqa: BLE001
        return None
