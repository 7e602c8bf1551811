"""What Pillow reads: JPEG, PNG, BMP, TIFF, PPM, GIF, whatever their mode or depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from automedimg.data.reading.compression import describe, stored_bits
from automedimg.data.reading.opening import open_file
from automedimg.data.reading.quiet import strict_pillow
from automedimg.data.reading.types import MAX_PIXELS, Facts, RawImage
from automedimg.data.reading.values import raw_image, refuse_large
from automedimg.errors import DataError

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "PPM", "GIF")
"""Pillow's formats that are opened; PPM includes pgm. Anything else is set aside unread."""

MODES = frozenset(["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"])
MODES |= {"LAB", "HSV", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
"""Modes that `Facts` may name."""

MAX_PAGES = 100_000
"""A TIFF with more pages is taken for one whose pages run in a circle."""

KNOWN = (
    "truncated",
    "broken data stream",
    "unrecognized data stream",
    "decoder error",
    "not enough image data",
    "cannot read this XBM file",
)
"""What Pillow may say of a damaged file without quoting from it."""


def read_pages(path: Path, parts: Sequence[str], hint_side: int | None) -> Iterator[RawImage | str]:
    """Read the image, or pages of it, as `read_parts` does.

    Values of 8 bits come as they are, in grey or RGB, deeper ones as float32; transparent pixels
    become black; the camera's orientation tag is obeyed.
    """
    with ExitStack() as stack:
        pages = _Pages(*open_file(path, stack))
        for part in parts:
            yield pages.read(part, hint_side)


def count_pages(path: Path) -> int:
    """Count the pages of a TIFF; other formats have one image.

    Raises:
        DataError: the file can't be read.
    """
    try:
        with ExitStack() as stack:
            stack.enter_context(strict_pillow())
            image = Image.open(open_file(path, stack)[0], formats=FORMATS)
            if image.format != "TIFF":
                return 1
            return _last_page(image) + 1
    except Exception as error:  # noqa: BLE001 - as in `_Pages.read`
        raise DataError(reason_of(error)) from None


def _last_page(image: Image.Image) -> int:
    for page in range(1, MAX_PAGES + 1):
        try:
            image.seek(page)
        except EOFError:
            return page - 1
    raise DataError(f"more than {MAX_PAGES:,} pages")


class _Pages:
    """An open file; its image is opened again after a failure, which leaves Pillow in doubt."""

    def __init__(self, file: BinaryIO, num_bytes: int) -> None:
        self._file = file
        self._num_bytes = num_bytes
        self._image: ImageFile.ImageFile | None = None

    def read(self, part: str, hint_side: int | None) -> RawImage | str:
        """Return one page, or the reason why not."""
        if self._num_bytes == 0:
            return "empty file"
        try:
            with strict_pillow():
                return self._read(part, hint_side)
        # Pillow's decoders raise nearly anything on damaged files (SyntaxError and struct.error
        # among them); none of it may end a search over thousands of good ones.
        except Exception as error:  # noqa: BLE001
            self._image = None
            return reason_of(error)

    def _read(self, part: str, hint_side: int | None) -> RawImage:
        image = self._image
        if image is None or not part:
            self._file.seek(0)
            image = Image.open(self._file, formats=FORMATS)
        # A page of many is kept open for the next; a loaded JPEG could not be read again.
        self._image = image if part else None
        if part:
            _seek(image, part)
        refuse_large(*image.size)
        facts = _facts(image, 0 if part else self._num_bytes)
        if hint_side is not None:
            # Decoded at 1/2, 1/4 or 1/8 of its size, much faster.
            image.draft(None, (hint_side, hint_side))
        return form(image, facts)


def _seek(image: ImageFile.ImageFile, part: str) -> None:
    if not part.isascii() or not part.isdigit():
        raise DataError("no such part: expected the number of a page")
    try:
        image.seek(int(part))
    except EOFError:
        raise DataError(f"there is no page {int(part)}") from None


def _facts(image: ImageFile.ImageFile, num_bytes: int) -> Facts:
    return Facts(
        width=image.width,
        height=image.height,
        mode=image.mode if image.mode in MODES else "other",
        # An MPO is a JPEG with others, smaller or of another eye, behind it.
        format="JPEG" if image.format == "MPO" else image.format or "",
        bits=stored_bits(image),
        compression=describe(image),
        num_bytes=num_bytes,
    )


def form(image: Image.Image, facts: Facts) -> RawImage:
    """Decode an opened image of any mode.

    Raises:
        DataError: it has values that are no numbers.
    """
    image.load()
    if _may_be_turned(image):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return raw_image(np.asarray(image), facts)
    return raw_image(np.asarray(_eight_bit(image)), facts)


def _may_be_turned(image: Image.Image) -> bool:
    """Whether an image says how the camera was held; Pillow is slow to answer that with no."""
    if isinstance(image, TiffImageFile):
        return bool(image.tag_v2.get(ExifTags.Base.Orientation, 1) != 1)
    return any("exif" in str(key).lower() or "xmp" in str(key).lower() for key in image.info)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Convert any mode of 8 bits or less to ``L`` or ``RGB``."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("LA", "La"):
        return _on_black(image.convert("LA"), "L")
    if image.mode in ("P", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _on_black(image.convert("RGBA"), "RGB")
    return image.convert("RGB")


def _on_black(image: Image.Image, mode: str) -> Image.Image:
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image.convert("RGBA")).convert(mode)


def reason_of(error: Exception) -> str:
    """Say in half a sentence why Pillow could not read a file, quoting nothing from it."""
    if isinstance(error, DataError):
        return error.message
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a known format"
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return f"more than the {MAX_PIXELS:,} pixels allowed"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    known = next((words for words in KNOWN if words in str(error)), "can't be decoded")
    return f"damaged: {known}"
