"""Image files to values, whatever their format, mode or depth; what can't be read says why."""

from __future__ import annotations

from automedimg.data.reading.parts import is_dicom, list_parts, read_parts
from automedimg.data.reading.quiet import strict_pillow
from automedimg.data.reading.types import FLAGS, MAX_PIXELS, Facts, Pixels, RawImage

__all__ = [
    "FLAGS",
    "MAX_PIXELS",
    "Facts",
    "Pixels",
    "RawImage",
    "is_dicom",
    "list_parts",
    "read_parts",
    "strict_pillow",
]
