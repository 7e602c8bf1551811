"""Values of any depth to a `RawImage`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data.reading.types import MAX_PIXELS, Facts, RawImage
from automedimg.errors import DataError

Values: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]

MIN_RANGE = 1e-30
"""A narrower range of values is none: dividing by it would overflow."""

MAX_RANGE = 1e30
"""Larger values are taken for garbage."""


def refuse_large(width: int, height: int) -> None:
    """Raise for an image that must not be decoded.

    Raises:
        DataError: it has no pixels, or more than `MAX_PIXELS`.
    """
    if width < 1 or height < 1:
        raise DataError(f"{width} x {height} pixels")
    if width * height > MAX_PIXELS:
        raise DataError(f"{width} x {height} pixels, more than the {MAX_PIXELS:,} allowed")


def raw_image(values: Values, facts: Facts) -> RawImage:
    """Wrap values without a window: bytes span [0, 255], anything else its own range.

    Args:
        values: (H, W) or (H, W, 3); bool, integer or float.
        facts: Of the file.
    Raises:
        DataError: there are too many pixels, or values that are no numbers.
    """
    refuse_large(values.shape[1], values.shape[0])
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        return RawImage(np.ascontiguousarray(values), 0.0, 255.0, facts)
    deep = to_float32(values)
    return RawImage(deep, *range_of(deep), facts)


def to_float32(values: Values) -> npt.NDArray[np.float32]:
    """Convert to float32, exact for integers up to 2**24.

    Raises:
        DataError: a value is infinite, not a number or beyond `MAX_RANGE`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        deep = np.ascontiguousarray(values, dtype=np.float32)
        # NaN and infinities carry over to the extremes, so no mask of them is needed.
        extremes = np.array([deep.min(), deep.max()], dtype=np.float64)
    if not np.isfinite(extremes).all():
        raise DataError("pixel values are not finite")
    if np.abs(extremes).max() > MAX_RANGE:
        raise DataError("pixel values are absurdly large")
    return deep


def range_of(values: Values) -> tuple[float, float]:
    """Return the least and the largest value, as bounds that differ."""
    return bounds(float(values.min()), float(values.max()))


def bounds(low: float, high: float) -> tuple[float, float]:
    """Return the bounds, the upper one raised where they don't differ."""
    if high - low > max(MIN_RANGE, 1e-12 * abs(low)):
        return low, high
    return low, low + max(1.0, 1e-6 * abs(low))
