"""Rows of arrays as images: what npz and HDF5 files have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from automedimg.data.reading.types import Facts, RawImage
from automedimg.data.reading.values import Values, raw_image, refuse_large
from automedimg.errors import DataError

MAX_ROWS = 5_000_000
"""An array that declares more is taken for a damaged one."""

Shape = tuple[int, ...]


def split_part(part: str) -> tuple[str, int]:
    """Take ``train_images/3`` apart.

    Raises:
        DataError: it does not end in the number of a row.
    """
    name, slash, row = part.rpartition("/")
    if not (slash and name and row.isascii() and row.isdigit() and len(row) < 19):
        raise DataError("no such part: expected ARRAY/ROW, e.g. train_images/0")
    return name, int(row)


def check_array(shape: Shape, dtype: np.dtype[np.generic]) -> None:
    """Raise unless the rows of an array are images, judging by its header alone.

    Args:
        shape: (N, H, W) or (N, H, W, C) or (N, C, H, W), C of 1 or 3.
        dtype: bool, integer or float.
    Raises:
        DataError: they are not, or are too large.
    """
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise DataError("an array of other things than numbers")
    if len(shape) not in (3, 4):
        raise DataError(f"an array of {len(shape)} dimensions, expected (N, H, W) or (N, H, W, 3)")
    if not 0 <= shape[0] <= MAX_ROWS:
        raise DataError("an array that declares an absurd number of rows")
    row = shape[1:]
    if len(row) == 3 and not {row[0], row[2]} & {1, 3}:
        raise DataError(f"rows of shape {row}: neither grey nor RGB images")
    channels_last = len(row) == 2 or row[2] in (1, 3)
    height, width = row[:2] if channels_last else row[1:]
    refuse_large(width, height)


def is_images(shape: Shape, dtype: np.dtype[np.generic]) -> bool:
    """Whether the rows of an array can be images."""
    try:
        check_array(shape, dtype)
    except DataError:
        return False
    return True


def row_image(row: Values, file_format: str, compression: str) -> RawImage:
    """Wrap one row of an array that `check_array` let pass.

    Args:
        row: (H, W), (H, W, C) or (C, H, W).
        file_format: ``NPZ`` or ``HDF5``.
        compression: In our words.
    Raises:
        DataError: it has values that are no numbers.
    """
    if row.ndim == 3 and row.shape[2] not in (1, 3):
        row = row.transpose(1, 2, 0)
    if row.ndim == 3 and row.shape[2] == 1:
        row = row[..., 0]
    facts = Facts(
        width=row.shape[1],
        height=row.shape[0],
        mode="RGB" if row.ndim == 3 else "L",
        format=file_format,
        bits=1 if row.dtype == np.bool_ else 8 * row.dtype.itemsize,
        compression=compression,
    )
    return raw_image(row, facts)


def row_parts(num_rows: Mapping[str, int]) -> list[str]:
    """Name the parts of arrays.

    Args:
        num_rows: Rows of each array, by its name.
    Raises:
        DataError: they are more than `MAX_ROWS`.
    """
    if sum(num_rows.values()) > MAX_ROWS:
        raise DataError(f"arrays of more than {MAX_ROWS:,} rows")
    return [f"{name}/{row}" for name, count in num_rows.items() for row in range(count)]


def row_bytes(shape: Shape, dtype: np.dtype[np.generic]) -> int:
    """Return the bytes of one row."""
    return math.prod(shape[1:]) * dtype.itemsize
