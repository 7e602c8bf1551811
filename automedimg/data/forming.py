"""From an image as it was read to the square of grey levels that a network sees.

Eight-bit images stay eight-bit. Anything deeper becomes 16-bit, where 65535 is the white of the
network's range: a CT's 4096 grey values keep apart what 256 would merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from automedimg.data.preprocessing import Preprocessing
from automedimg.data.reading import RawImage

Levels: TypeAlias = npt.NDArray[Any]
"""uint8 with white at 255, or uint16 with white at 65535."""

THUMBNAIL = 64
"""Side of the grey thumbnails that copies are looked for in."""

LOOK = 192
"""Longer side to which an image is shrunk to be looked at, in pixels."""

_EVEN = 12.0  # grey levels within which a pixel counts as the frame's
_MARGIN = 3.0  # standard deviation of a frame in which nothing is seen
_STEEP = 90.0  # grey levels between neighbours: writing has them, anatomy hardly
_LEAST_SHARE = 0.01  # of a row or column that must differ for it to be content
_LEAST_SIDE = 0.2  # a smaller content is no content: the image is kept whole
_BLANK = 4.0  # grey levels between the 1st and 99th percentile of an empty picture
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow
_STANDARD = (110.0, 50.0)  # mean and standard deviation of standardised content


@dataclass(frozen=True, slots=True)
class Appearance:
    """What an image looks like at a glance, in grey levels [0, 255]; hints that a network may use.

    Args:
        darkest: 1st percentile.
        brightest: 99th percentile.
        mean: Of all pixels.
        border: Mean of the outermost frame, 3 % of the sides wide.
        corners: Share of steep edges in the four corners, in [0, 1]: writing, markers.
        blank: Whether there is next to nothing in it.
    """

    darkest: float
    brightest: float
    mean: float
    border: float
    corners: float
    blank: bool


def without_colour(raw: RawImage) -> RawImage:
    """Return an image whose three planes are one and the same as that plane; any other as it is.

    Most grey images are stored as RGB. Everything here comes to the same levels for both, but for
    the last digit of a mean in standardised ones, at a third of the work.
    """
    values = raw.values
    if values.ndim < 3 or values.dtype != np.uint8:
        return raw
    middle = len(values) // 2
    # A row tells most coloured images.
    if not (_is_colourless(values[middle : middle + 1]) and _is_colourless(values)):
        return raw
    return replace(raw, values=np.ascontiguousarray(values[..., 0]))


def _is_colourless(values: npt.NDArray[np.uint8]) -> bool:
    """Whether all steps in memory are from one pixel to the next; four times as fast as planes."""
    flat = values.reshape(-1)
    steps = flat[1:] != flat[:-1]
    return bool(np.count_nonzero(steps) == np.count_nonzero(steps[2::3]))


def form(raw: RawImage, how: Preprocessing, size: int, channels: int) -> Levels:
    """Bring an image to a square.

    Args:
        raw: As it was read.
        how: What is done on the way.
        size: Side of the square, in pixels.
        channels: 3 for RGB, 1 for grey.
    Returns:
        (size, size, channels): uint8 for an 8-bit image, else uint16.
    """
    deep = raw.values.dtype != np.uint8
    planes = _planes(raw, channels)
    if how.crop:
        left, top, right, bottom = content_box(raw)
        planes = [plane.crop((left, top, right, bottom)) for plane in planes]
    square = (
        _padded(planes, size) if how.pad else [_resize(plane, (size, size)) for plane in planes]
    )
    levels = np.stack([np.asarray(plane, dtype=np.float32) for plane in square], axis=-1)
    if how.standard:
        levels = _standardised(levels)
    formed = _quantised(levels, deep=deep)
    return np.broadcast_to(formed, (size, size, channels))


def glance(raw: RawImage) -> tuple[npt.NDArray[np.uint8], Appearance]:
    """Shrink an image to a grey thumbnail, uint8 (64, 64), and describe what it looks like."""
    grey = _grey(raw)
    return thumbnail(grey), look_at(_small(grey))


def thumbnail(grey: Image.Image) -> npt.NDArray[np.uint8]:
    """Shrink a grey image to a square, uint8 (64, 64)."""
    return _quantised(np.asarray(_resize(grey, (THUMBNAIL, THUMBNAIL)), np.float32))


def picture(raw: RawImage, longest: int) -> Image.Image:
    """Shrink an image for people to look at, its proportions kept; ``L`` or ``RGB``.

    Args:
        raw: As it was read.
        longest: Side in pixels that the longer one is shrunk to.
    """
    planes = _planes(raw, 3)
    scale = min(1.0, longest / max(planes[0].size))
    size = tuple(max(1, round(side * scale)) for side in planes[0].size)
    small = [
        Image.fromarray(_quantised(np.asarray(_resize(plane, (size[0], size[1])), np.float32)))
        for plane in planes
    ]
    return small[0] if len(small) == 1 else Image.merge("RGB", small)


def look_at(grey: npt.NDArray[np.float32]) -> Appearance:
    """Describe a small grey image, float32 (H, W) in [0, 255]."""
    frame = _frame(grey)
    darkest, brightest = _percentiles(grey, (1.0, 99.0))
    return Appearance(
        darkest=darkest,
        brightest=brightest,
        mean=float(grey.mean()),
        border=float(frame.mean()),
        corners=_corner_edges(grey),
        blank=brightest - darkest < _BLANK,
    )


def content_box(raw: RawImage) -> tuple[int, int, int, int]:
    """Find what differs from the image's even outer frame.

    Returns:
        left, top, right, bottom in pixels of `raw`; the whole image where nothing stands out.
    """
    height, width = raw.values.shape[:2]
    grey = _small(_grey(raw))
    differs = np.abs(grey - np.median(_frame(grey))) > _EVEN
    rows = np.flatnonzero(differs.mean(axis=1) > _LEAST_SHARE)
    columns = np.flatnonzero(differs.mean(axis=0) > _LEAST_SHARE)
    whole = (0, 0, width, height)
    if not len(rows) or not len(columns):
        return whole
    y, x = height / grey.shape[0], width / grey.shape[1]
    top, bottom = int(rows[0] * y), min(height, round((rows[-1] + 1) * y))
    left, right = int(columns[0] * x), min(width, round((columns[-1] + 1) * x))
    too_small = bottom - top < _LEAST_SIDE * height or right - left < _LEAST_SIDE * width
    return whole if too_small else (left, top, right, bottom)


def _planes(raw: RawImage, channels: int) -> list[Image.Image]:
    """One plane, or three where both the image and the network have colour."""
    if channels == 1 or raw.values.ndim == 2:
        return [_grey(raw)]
    if raw.values.dtype == np.uint8:
        return list(Image.fromarray(raw.values).split())
    return [_plane(raw.values[..., number], raw) for number in range(3)]


def _grey(raw: RawImage) -> Image.Image:
    values = raw.values
    if values.dtype == np.uint8:
        image = Image.fromarray(values)
        return image if image.mode == "L" else image.convert("L")
    if values.ndim == 3:
        values = np.tensordot(values, _LUMA, axes=1)
    return _plane(values, raw)


def _plane(values: npt.NDArray[Any], raw: RawImage) -> Image.Image:
    """A plane of the network's range [0, 255], in floating point."""
    scaled = (values.astype(np.float32) - np.float32(raw.low)) * np.float32(
        255.0 / (raw.high - raw.low)
    )
    return Image.fromarray(np.clip(scaled, 0.0, 255.0))


def _resize(plane: Image.Image, size: tuple[int, int]) -> Image.Image:
    return plane.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _padded(planes: list[Image.Image], size: int) -> list[Image.Image]:
    """Fit into the square and fill up with the frame's own grey, so that no edge is added."""
    width, height = planes[0].size
    scale = size / max(width, height)
    inside = max(1, round(width * scale)), max(1, round(height * scale))
    squares = []
    for plane in planes:
        level = float(np.median(_frame(np.asarray(plane, dtype=np.float32))))
        fill = round(level) if plane.mode == "L" else level
        square = Image.new(plane.mode, (size, size), fill)
        square.paste(_resize(plane, inside), ((size - inside[0]) // 2, (size - inside[1]) // 2))
        squares.append(square)
    return squares


def _standardised(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Shift and scale all channels alike, by the pixels that differ from the frame."""
    grey = levels.mean(axis=-1)
    frame = _frame(grey)
    differs = np.abs(grey - np.median(frame)) > _EVEN
    # Where the frame is no empty margin, it is content like the rest.
    margin = frame.std() < _MARGIN and differs.mean() >= _LEAST_SHARE
    content = levels[differs] if margin else levels
    mean, spread = _STANDARD
    scaled = (levels - content.mean()) * (spread / max(float(content.std()), 1.0)) + mean
    clipped: npt.NDArray[np.float32] = np.clip(scaled, 0.0, 255.0)
    return clipped


def _quantised(levels: npt.NDArray[np.float32], *, deep: bool = False) -> Levels:
    scaled = np.rint(levels * np.float32(257.0 if deep else 1.0))
    quantised: Levels = scaled.astype(np.uint16 if deep else np.uint8)
    return quantised


def _percentiles(grey: npt.NDArray[np.float32], asked: Sequence[float]) -> list[float]:
    """Percentiles to the grey level: counting is ten times faster than sorting."""
    counts = np.cumsum(np.bincount(grey.astype(np.uint8).ravel(), minlength=256))
    found: list[float] = np.searchsorted(counts, np.array(asked) / 100 * counts[-1]).tolist()
    return [float(level) for level in found]


def _small(grey: Image.Image) -> npt.NDArray[np.float32]:
    longest = max(grey.size)
    if longest > LOOK:
        scale = LOOK / longest
        grey = _resize(
            grey, (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
        )
    return np.asarray(grey, dtype=np.float32)


def _frame(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The pixels of the outermost frame, 3 % of the sides wide but one pixel at least."""
    height, width = grey.shape
    y, x = max(1, round(0.03 * height)), max(1, round(0.03 * width))
    return np.concatenate(
        [grey[:y].ravel(), grey[-y:].ravel(), grey[y:-y, :x].ravel(), grey[y:-y, -x:].ravel()]
    )


def _corner_edges(grey: npt.NDArray[np.float32]) -> float:
    """Share of pixels with a writing's steep step in the corners, an eighth of the sides wide."""
    height, width = max(2, grey.shape[0] // 8), max(2, grey.shape[1] // 8)
    corners = [
        grey[rows, columns]
        for rows in (slice(None, height), slice(-height, None))
        for columns in (slice(None, width), slice(-width, None))
    ]
    stacked = np.stack(corners)
    down, across = np.abs(np.diff(stacked, axis=1)), np.abs(np.diff(stacked, axis=2))
    steep = int((down > _STEEP).sum()) + int((across > _STEEP).sum())
    return steep / max(1, down.size + across.size)  # a single pixel has no steps
