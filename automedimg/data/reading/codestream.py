"""The first bytes of a compressed frame, checked before a decoder in C gets to see them.

Decoders believe the stream's own size and allocate it; GDCM aborts the whole process over a
malformed header (3 of 2,000 damaged files), which no `except` can catch.
"""

from __future__ import annotations

import struct

from automedimg.errors import DataError

FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""JPEG markers that start a frame header; 0xF7 is JPEG-LS's."""

TABLES, SCAN = 0xC4, 0xDA

Size = tuple[int, int, int]


def check_codestream(frame: bytes, size: Size) -> None:
    """Raise unless a frame's own header is whole and of the size that the file says.

    Args:
        frame: Compressed: JPEG, JPEG-LS or JPEG 2000; others pass.
        size: Columns, rows, samples per pixel.
    Raises:
        DataError: it is not.
    """
    try:
        if frame.startswith(b"\xff\x4f\xff\x51"):
            found = _jpeg_2000_size(frame)
        elif frame.startswith(b"\xff\xd8"):
            found = _jpeg_size(frame)
        else:
            return
    except (struct.error, IndexError):
        found = None
    if found is None:
        raise DataError("damaged: a compressed image with a malformed header")
    if found != size:
        raise DataError("damaged: a compressed image of another size than the file says")


def _jpeg_2000_size(frame: bytes) -> Size | None:
    right, bottom, left, top, tile_width, tile_height = struct.unpack_from(">6I", frame, 8)
    samples = struct.unpack_from(">H", frame, 40)[0]
    return (right - left, bottom - top, samples) if tile_width and tile_height else None


def _jpeg_size(frame: bytes) -> Size | None:
    """Walk the segments up to the first scan; None where one of them does not end at the next."""
    place, size = 2, None
    while True:
        while frame[place : place + 2] == b"\xff\xff":
            place += 1
        if frame[place] != 0xFF:
            return None
        marker = frame[place + 1]
        length = struct.unpack_from(">H", frame, place + 2)[0]
        body = frame[place + 4 : place + 2 + length]
        if length < 2 or len(body) != length - 2:
            return None
        if marker in FRAMES:
            height, width, samples = struct.unpack_from(">HHB", body, 1)
            if size is not None or len(body) != 6 + 3 * samples:
                return None
            size = (width, height, samples)
        if marker == TABLES and not _are_huffman_tables(body):
            return None
        if marker == SCAN:
            return size if len(body) == 4 + 2 * body[0] else None
        place += 2 + length


def _are_huffman_tables(body: bytes) -> bool:
    place = 0
    while place < len(body):
        counts = body[place + 1 : place + 17]
        # A code of n bits has at most 2**n values, less what shorter codes took.
        room = 1 << 16
        for bits, count in enumerate(counts, start=1):
            room -= count << (16 - bits)
        if len(counts) != 16 or room < 0:
            return False
        place += 17 + sum(counts)
    return place == len(body)
