"""Stored values of a DICOM frame to intensities: modality transformation, window, inversion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.data.reading.dicom_header import Header
from automedimg.data.reading.dicom_text import integer, item, number, text, value_of, values_of
from automedimg.data.reading.types import Facts, RawImage
from automedimg.data.reading.values import Mask, Values, bounds, range_of, raw_image, to_float32

Lut = tuple[int, npt.NDArray[np.uint16]]


def grey_image(stored: Values, header: Header, frame: int, facts: Facts) -> RawImage:
    """Turn the stored values of a monochrome frame into an image.

    The order is the standard's: modality lookup table or rescaling, then the table, window or
    sigmoid of the values of interest, then the inversion of MONOCHROME1. Padding becomes black.

    Args:
        stored: (H, W), any type.
        header: Of the file.
        frame: Number of the frame.
        facts: Of the frame.
    Raises:
        DataError: it has values that are no numbers.
    Source: DICOM PS3.3, C.7.6.16.2.9-10 and C.11.1-2.
    """
    if header.bits_allocated == 1:
        image = raw_image(stored.astype(np.bool_), facts)
        values, low, high = image.values, image.low, image.high
        padding: Mask | None = None
    else:
        padding = _padding(stored, header)
        values, low, high = _interesting(stored, header, frame, padding)
    if header.photometric == "MONOCHROME1":
        values = (np.array(low + high, dtype=values.dtype) - values).astype(values.dtype)
    if padding is not None:
        values = np.where(padding, np.array(low, dtype=values.dtype), values)
    return RawImage(values, low, high, facts)


def _interesting(
    stored: Values, header: Header, frame: int, padding: Mask | None
) -> tuple[Values, float, float]:
    """Return values, the one that is black and the one that is white."""
    values = _rescaled(stored, header, frame)
    window = next(_macros(header.dataset, frame, "FrameVOILUTSequence", "WindowCenter"), None)
    lut = _lut(item(header.dataset, "VOILUTSequence"), header)
    if lut is not None:
        table = lut[1].astype(np.float32)
        return _look_up(values, lut).astype(np.float32), *range_of(table)
    if window is not None and (shown := _windowed(values, window)) is not None:
        return shown
    if values.dtype == np.uint8 and header.bits_stored == 8:
        return values, 0.0, 255.0
    deep = to_float32(values)
    return deep, *range_of(deep if padding is None else deep[~padding])


def _rescaled(stored: Values, header: Header, frame: int) -> Values:
    lut = _lut(item(header.dataset, "ModalityLUTSequence"), header)
    if lut is not None:
        return _look_up(stored, lut)
    macros = _macros(header.dataset, frame, "PixelValueTransformationSequence", "RescaleSlope")
    for macro in macros:
        slope = number(macro, "RescaleSlope")
        intercept = number(macro, "RescaleIntercept") or 0.0
        if slope and (slope, intercept) != (1.0, 0.0):
            return stored.astype(np.float64) * slope + intercept
        break
    return stored


def _windowed(values: Values, macro: Any) -> tuple[Values, float, float] | None:
    """Apply the first window; None where it is not a valid one."""
    center, width = number(macro, "WindowCenter"), number(macro, "WindowWidth")
    function = text(macro, "VOILUTFunction").upper() or "LINEAR"
    if center is None or width is None or width <= 0 or abs(center) + width > 1e15:
        return None
    if function == "SIGMOID":
        steep = np.clip(-4.0 * (values.astype(np.float64) - center) / width, -50, 50)
        return to_float32(1.0 / (1.0 + np.exp(steep))), 0.0, 1.0
    half = width / 2
    if function != "LINEAR_EXACT":
        if width < 1:
            return None
        # A width of one is a step; half of it on each side keeps the bounds apart.
        center, half = center - 0.5, max(width - 1, 0.5) / 2
    low, high = bounds(center - half, center + half)
    if values.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return values, low, high
    return to_float32(values), low, high


def _macros(dataset: Any, frame: int, sequence: str, keyword: str) -> Iterator[Any]:
    """Where a value may stand: the frame's own group, the shared group, the data set itself."""
    groups = (
        item(dataset, "PerFrameFunctionalGroupsSequence", frame),
        item(dataset, "SharedFunctionalGroupsSequence"),
    )
    for group in groups:
        macro = item(group, sequence) if group is not None else None
        if macro is not None and number(macro, keyword) is not None:
            yield macro
    if number(dataset, keyword) is not None:
        yield dataset


def _padding(stored: Values, header: Header) -> Mask | None:
    """Return where the frame is padded; None where it is nowhere or everywhere."""
    first = integer(header.dataset, "PixelPaddingValue")
    if first is None or stored.dtype.kind not in "iu":
        return None
    last = integer(header.dataset, "PixelPaddingRangeLimit")
    wrap = 1 << header.bits_allocated
    ends = [first, first if last is None else last]
    if header.signed:
        # Some writers store a negative padding value as an unsigned number.
        ends = [end - wrap if end >= wrap // 2 else end for end in ends]
    mask: Mask = (stored >= min(ends)) & (stored <= max(ends))
    return mask if mask.any() and not mask.all() else None


def _lut(holder: Any, header: Header) -> Lut | None:
    """Read a lookup table: the first value that it maps, and its entries."""
    descriptor = values_of(holder, "LUTDescriptor") if holder is not None else []
    data = value_of(holder, "LUTData") if holder is not None else None
    if len(descriptor) != 3 or data is None:
        return None
    length, first = int(descriptor[0]) or 1 << 16, int(descriptor[1])
    if header.signed and first >= 1 << 15:
        first -= 1 << 16
    if isinstance(data, bytes):
        wide = len(data) >= 2 * length
        order = "<" if header.little_endian else ">"
        entries = np.frombuffer(data, f"{order}u2" if wide else "u1")
    else:
        entries = np.clip(np.atleast_1d(np.asarray(data, dtype=np.int64)), 0, 0xFFFF)
    entries = entries[:length].astype(np.uint16)
    return (first, entries) if len(entries) > 1 else None


def _look_up(values: Values, lut: Lut) -> npt.NDArray[np.uint16]:
    first, entries = lut
    places = np.clip(np.rint(to_float32(values)) - first, 0, len(entries) - 1)
    found: npt.NDArray[np.uint16] = entries[places.astype(np.intp)]
    return found
