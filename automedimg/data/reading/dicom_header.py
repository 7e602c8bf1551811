"""The header of a DICOM file: what decoding needs, checked before anything is allocated."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import pydicom

from automedimg.data.reading.dicom_terms import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    NATIVE,
    PHOTOMETRIC,
    SYNTAXES,
    TAGS,
)
from automedimg.data.reading.dicom_text import integer, text
from automedimg.data.reading.values import refuse_large
from automedimg.errors import DataError

PIXEL_KEYWORDS = {
    (0x7FE0, 0x0008): "FloatPixelData",
    (0x7FE0, 0x0009): "DoubleFloatPixelData",
    (0x7FE0, 0x0010): "PixelData",
}

MAX_INFLATED = 1 << 30
"""Bytes that a deflated data set may have."""

PIXELS_PER_BYTE = 2_000
"""More pixels than this for each byte of a compressed file are not believed..."""

ALWAYS_PIXELS = 4_000_000
"""...above so many: an empty image compresses to next to nothing."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a DICOM file says of its pixels.

    Args:
        dataset: pydicom's, with no more than the elements that are needed.
        source: Where the pixel data are.
        start: Position of their value in `source`.
        syntax: UID of the transfer syntax of the pixel data.
        keyword: ``PixelData``, or one of its float variants.
        vr: Of the pixel data: ``OB`` or ``OW``.
        rows: Height.
        columns: Width.
        frames: How many images there are.
        samples: 1 or 3.
        photometric: Photometric interpretation, a known one.
        bits_allocated: 1, 8, 16, 32 or 64.
        bits_stored: At most `bits_allocated`.
        signed: Whether stored values may be negative.
        planar: Whether the colours lie one after the other.
        deflated: Whether the file as a whole was.
    """

    dataset: Any
    source: BinaryIO
    start: int
    syntax: str
    keyword: str
    vr: str
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    signed: bool
    planar: bool
    deflated: bool = False

    @property
    def is_monochrome(self) -> bool:
        """Whether values are intensities, which a window applies to."""
        return self.photometric.startswith("MONOCHROME")

    @property
    def little_endian(self) -> bool:
        """Byte order of the file."""
        return self.syntax != EXPLICIT_BIG

    @property
    def frame_bits(self) -> int:
        """Bits of one frame, uncompressed; frames of single bits need not start at a byte."""
        halved = self.photometric == "YBR_FULL_422" and self.syntax in NATIVE
        samples = 2 if halved else self.samples
        return self.rows * self.columns * samples * self.bits_allocated


def read_header(file: BinaryIO, num_bytes: int) -> Header:
    """Read everything before the pixel data.

    Args:
        file: At its start.
        num_bytes: Of the file.
    Raises:
        DataError: there is no image in it, or one that can't be in a file of this size.
    """
    if _is_deflated(file, num_bytes):
        return _read_deflated(file, num_bytes)
    dataset = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=TAGS)
    syntax = _syntax(dataset)
    keyword, vr, start = _pixel_element(file, syntax)
    header = _checked(dataset, file, start, syntax, keyword, vr)
    _refuse_absurd(header, num_bytes)
    return header


def _read_deflated(file: BinaryIO, num_bytes: int) -> Header:
    dataset = pydicom.dcmread(file, force=True, specific_tags=[*TAGS, "PixelData"])
    if "PixelData" not in dataset:
        raise DataError("a DICOM file without an image")
    element = dataset["PixelData"]
    source = io.BytesIO(element.value)
    header = _checked(dataset, source, 0, EXPLICIT_LITTLE, "PixelData", element.VR)
    header = replace(header, deflated=True)
    _refuse_absurd(header, max(num_bytes, len(element.value)))
    return header


def _is_deflated(file: BinaryIO, num_bytes: int) -> bool:
    """Whether the data set is deflated; pydicom would inflate a bomb without a bound."""
    head = file.read(1 << 16)
    file.seek(0)
    if DEFLATED.encode() not in head:
        return False
    start = 144 + int.from_bytes(head[140:144], "little")
    if head[132:136] != b"\x02\x00\x00\x00" or start > num_bytes:
        raise DataError("damaged: a deflated DICOM file without the length of its meta data")
    file.seek(start)
    inflater, inflated = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        while block := file.read(1 << 16):
            while block:
                inflated += len(inflater.decompress(block, 1 << 22))
                block = inflater.unconsumed_tail
                if inflated > MAX_INFLATED:
                    raise DataError(f"more than {MAX_INFLATED:,} bytes when inflated")
    except zlib.error:
        raise DataError("damaged: the DICOM file can't be inflated") from None
    file.seek(0)
    return True


def _syntax(dataset: Any) -> str:
    """The transfer syntax, by name or, where the file has no meta data, as pydicom guessed."""
    meta = getattr(dataset, "file_meta", None)
    given = text(meta, "TransferSyntaxUID") if meta is not None else ""
    if given:
        if given not in SYNTAXES:
            raise DataError("compressed in a way (transfer syntax) that is not supported")
        return given
    implicit, little = dataset.original_encoding
    if implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if little else EXPLICIT_BIG


def _pixel_element(file: BinaryIO, syntax: str) -> tuple[str, str, int]:
    """Read the head of the pixel data element, which pydicom stopped before."""
    order = ">" if syntax == EXPLICIT_BIG else "<"
    head = file.read(8)
    if len(head) < 8:
        raise DataError("a DICOM file without an image")
    group, element = struct.unpack(f"{order}HH", head[:4])
    keyword = PIXEL_KEYWORDS.get((group, element))
    if keyword is None:
        raise DataError("a DICOM file without an image")
    if syntax == IMPLICIT_LITTLE:
        return keyword, "OW", file.tell()
    vr = head[4:6].decode("latin-1")
    file.read(4)
    return keyword, vr if vr in ("OB", "OW", "OF", "OD") else "OW", file.tell()


def _checked(
    dataset: Any, source: BinaryIO, start: int, syntax: str, keyword: str, vr: str
) -> Header:
    rows, columns = integer(dataset, "Rows"), integer(dataset, "Columns")
    if rows is None or columns is None:
        raise DataError("damaged: a DICOM image without a size")
    refuse_large(columns, rows)
    photometric = text(dataset, "PhotometricInterpretation").upper()
    if photometric not in PHOTOMETRIC:
        raise DataError("a photometric interpretation that is not supported")
    samples = integer(dataset, "SamplesPerPixel") or PHOTOMETRIC[photometric]
    if samples != PHOTOMETRIC[photometric]:
        raise DataError(f"{samples} samples per pixel, expected {PHOTOMETRIC[photometric]}")
    allocated = integer(dataset, "BitsAllocated")
    if allocated not in (1, 8, 16, 32, 64):
        raise DataError("damaged: bits allocated are none of 1, 8, 16, 32, 64")
    stored = integer(dataset, "BitsStored") or allocated
    if not 1 <= stored <= allocated:
        raise DataError("damaged: more bits stored than allocated")
    return Header(
        dataset=dataset,
        source=source,
        start=start,
        syntax=syntax,
        keyword=keyword,
        vr=vr,
        rows=rows,
        columns=columns,
        frames=max(1, integer(dataset, "NumberOfFrames") or 1),
        samples=samples,
        photometric=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=integer(dataset, "PixelRepresentation") == 1,
        planar=integer(dataset, "PlanarConfiguration") == 1,
    )


def _refuse_absurd(header: Header, num_bytes: int) -> None:
    """Raise where the file can't hold even one frame, or not as many as it says."""
    if header.syntax not in NATIVE:
        pixels = header.rows * header.columns
        if pixels > max(ALWAYS_PIXELS, PIXELS_PER_BYTE * num_bytes):
            raise DataError(f"{header.columns} x {header.rows} pixels in {num_bytes:,} bytes")
        if header.frames > num_bytes // 8:
            raise DataError(f"{header.frames:,} frames in {num_bytes:,} bytes")
    elif header.frame_bits > 8 * num_bytes:
        raise DataError("damaged: the pixel data are cut short")
    elif header.frames * header.frame_bits > 8 * num_bytes:
        raise DataError(f"damaged: {header.frames:,} frames in {num_bytes:,} bytes")
