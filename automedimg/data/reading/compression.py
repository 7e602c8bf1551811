"""How an image is compressed, in a few words that don't depend on what the file calls it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, JpegImagePlugin

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""The luminance table that nearly all encoders scale. Source: ITU-T T.81 (1992), table K.1."""

TIFF_NAMES = {
    "tiff_lzw": "LZW",
    "tiff_adobe_deflate": "deflate",
    "tiff_deflate": "deflate",
    "packbits": "PackBits",
    "jpeg": "JPEG",
    "tiff_jpeg": "JPEG",
    "group3": "CCITT group 3",
    "group4": "CCITT group 4",
    "tiff_ccitt": "CCITT",
    "lzma": "LZMA",
    "zstd": "Zstandard",
    "webp": "WebP",
}

MODE_BITS = {"1": 1, "I": 32, "F": 32}


def describe(image: Image.Image) -> str:
    """Name the compression of an opened image; empty where there is none."""
    interlaced = ", interlaced" if image.info.get("interlace") else ""
    match image.format:
        case "JPEG" | "MPO":
            return _describe_jpeg(image)
        case "PNG":
            return "deflate" + interlaced
        case "GIF":
            return "LZW" + interlaced
        case "TIFF":
            name = str(image.info.get("compression", "raw"))
            return "" if name == "raw" else TIFF_NAMES.get(name, "other")
        case "BMP":
            return "RLE" if image.info.get("compression") in (1, 2) else ""
        case _:
            return ""


def stored_bits(image: Image.Image) -> int:
    """Return the bits a sample of an opened, not yet loaded image."""
    if image.format == "PPM" and image.mode == "I":
        return 16
    # Pillow's raw mode tells the file's own depth: ``RGB;16B``, ``P;4``.
    tiles = getattr(image, "tile", None) or [("", None, 0, "")]
    args = tiles[0][3]
    raw_mode = args[0] if isinstance(args, tuple) and args else args
    depth = re.search(r";(1|2|4|12|16|32)(?!\d)", raw_mode if isinstance(raw_mode, str) else "")
    if image.format != "JPEG" and depth and image.mode != "1":
        return int(depth[1])
    return 16 if image.mode.startswith("I;16") else MODE_BITS.get(image.mode, 8)


def jpeg_quality(table: Sequence[int]) -> int:
    """Estimate the encoder's quality setting from a luminance table.

    Args:
        table: 64 quantisation steps, row by row.
    Returns:
        The nearest quality of the common encoders, in [1, 100].
    Source: the scaling rule of the Independent JPEG Group's library.
    """
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = np.clip((LUMINANCE.ravel() * scale[:, None] + 50) // 100, 1, 255)
    distance = np.abs(tables - np.asarray(table)[None]).sum(axis=1)
    return int(quality[np.argmin(distance)])


def _describe_jpeg(image: Image.Image) -> str:
    words = ["JPEG"]
    tables = getattr(image, "quantization", {})
    if tables and len(table := next(iter(tables.values()))) == 64:
        # To the nearest five: encoders differ by a point or two.
        words.append(f"quality {max(1, 5 * round(jpeg_quality(table) / 5))}")
    sampling = JpegImagePlugin.get_sampling(image)
    if sampling in (0, 1, 2):
        words.append(("4:4:4", "4:2:2", "4:2:0")[sampling])
    if image.info.get("progressive"):
        words.append("progressive")
    return " ".join(words)
