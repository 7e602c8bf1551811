"""Image files to arrays, whatever their mode, depth or size; what can't be read says why."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from automedimg.errors import DataError

Pixels: TypeAlias = npt.NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "PPM", "GIF")
"""Pillow's formats that are opened; PPM includes pgm. Anything else is set aside unread."""

MAX_PIXELS = 100_000_000
"""Larger images are taken for decompression bombs and set aside."""

THUMBNAIL = 64
"""Side of the grey thumbnails that copies are looked for in."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One image, read.

    Args:
        pixels: uint8 (size, size, C).
        thumbnail: uint8 (64, 64), grey.
        width: Of the file, in pixels.
        height: Of the file, in pixels.
        mode: Of the file, in Pillow's words: ``L``, ``RGB``, ``I;16``, ...
    """

    pixels: Pixels
    thumbnail: Pixels
    width: int
    height: int
    mode: str


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Make Pillow refuse what is larger than `MAX_PIXELS`, and keep quiet about odd metadata.

    This is global to the process and not thread-safe, so wrap whole jobs in it.
    """
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def decode(content: bytes, size: int, channels: int) -> Decoded:
    """Read an image from a file's content and stretch it to a square.

    Values of more than 8 bits are scaled from the image's own range to [0, 255]; transparent
    pixels become black; the camera's orientation tag is obeyed.

    Args:
        content: Of a file in one of `FORMATS`.
        size: Side of the square, in pixels.
        channels: 3 for RGB, 1 for grey.
    Raises:
        DataError: it can't be read; the message says why, without the file's name.
    """
    if not content:
        raise DataError("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return _decode(image, size, channels)
    except DataError:
        raise
    # Pillow's decoders raise nearly anything on damaged files (SyntaxError and struct.error among
    # them); none of it may end a search over thousands of good ones.
    except Exception as error:
        raise DataError(_reason(error)) from error


def _decode(image: ImageFile.ImageFile, size: int, channels: int) -> Decoded:
    width, height = image.size
    mode = image.mode
    if width * height > MAX_PIXELS:
        raise DataError(f"{width} x {height} pixels, more than the {MAX_PIXELS:,} allowed")
    # JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, much faster; never below twice ours.
    image.draft(None, (2 * size, 2 * size))
    plain = eight_bit(ImageOps.exif_transpose(image))
    grey = plain if plain.mode == "L" else plain.convert("L")
    resized = _resize(plain if channels == 3 else grey, size)
    pixels = np.asarray(resized, dtype=np.uint8).reshape(size, size, -1)
    return Decoded(
        pixels=np.broadcast_to(pixels, (size, size, channels)),
        thumbnail=np.asarray(_resize(grey, THUMBNAIL), dtype=np.uint8),
        width=width,
        height=height,
        mode=mode,
    )


def eight_bit(image: Image.Image) -> Image.Image:
    """Convert any mode to ``L`` or ``RGB``."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(np.asarray(image, dtype=np.float64))
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        clear = image.convert("RGBA")
        black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, clear).convert("RGB")
    return image.convert("RGB")


def _from_deep(values: npt.NDArray[np.float64]) -> Image.Image:
    low, high = float(np.min(values)), float(np.max(values))
    if not np.isfinite(high - low):
        raise DataError("pixel values are not finite")
    scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.round(scaled).astype(np.uint8))


def _resize(image: Image.Image, size: int) -> Image.Image:
    return image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a known format"
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return f"more than the {MAX_PIXELS:,} pixels allowed"
    text = str(error).splitlines()
    return f"damaged: {text[0] if text else type(error).__name__}"
