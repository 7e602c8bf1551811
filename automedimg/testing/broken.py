"""Files that look like images and aren't: what public collections hold, and what attackers send."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

BOMB_SIDE = 60_000
"""Declared width and height of the decompression bomb, in pixels: 3.6 billion in all."""


def broken_files(folder: Path) -> dict[str, Path]:
    """Write one file of each kind that can't be read; all of them are tiny.

    Args:
        folder: Made if it isn't there.
    Returns:
        File name -> path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jpeg, png = _encode("JPEG"), _encode("PNG")
    contents = {
        "empty.jpg": b"",
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "header_only.jpg": jpeg[:12],
        "text.jpg": b"These are not the pixels that you are looking for.\n",
        "page.jpg": b"<!DOCTYPE html><html><body>403 Forbidden</body></html>\n",
        "random.png": np.random.default_rng(0).bytes(2048),
        "truncated.png": png[: len(png) // 2],
        "damaged.png": _flip_byte(png, len(png) // 2),
        "bomb.png": _png(BOMB_SIDE, BOMB_SIDE, bytes(BOMB_SIDE // 8 + 1)),
        "no_pixels.png": _png(0, 0, b""),
        "not_finite.tif": _not_finite_tiff(),
        "zeros.bmp": bytes(512),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def _encode(kind: str) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


def _not_finite_tiff() -> bytes:
    pixels = np.full((16, 16), np.nan, np.float32)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "TIFF")
    return buffer.getvalue()


def _flip_byte(content: bytes, position: int) -> bytes:
    flipped = content[position] ^ 0xFF
    return content[:position] + bytes([flipped]) + content[position + 1 :]


def _png(width: int, height: int, pixels: bytes) -> bytes:
    """Return a PNG file of one bit a pixel, whatever its pixels amount to."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
