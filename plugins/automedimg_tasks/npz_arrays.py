"""The arrays of an npz file: headers of all, values of the labels alone."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.errors import DataError

_MAX_LABEL_BYTES = 2**31
_SAVE_AS = "save it again with numpy.savez(file, images=..., labels=...)"
# What zipfile and NumPy raise at damaged files; SyntaxError comes from headers.
_DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, ValueError, KeyError, EOFError, SyntaxError, zlib.error, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError, OverflowError, MemoryError),
)


@dataclass(frozen=True, slots=True)
class Header:
    """Shape and type of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def is_images(self) -> bool:
        """Whether its rows are images: (N, H, W), (N, H, W, C) or (N, C, H, W), C of 1 or 3."""
        if self.dtype.kind not in "buif" or len(self.shape) not in (3, 4) or 0 in self.shape:
            return False
        return len(self.shape) == 3 or bool({self.shape[1], self.shape[3]} & {1, 3})

    @property
    def is_volumes(self) -> bool:
        """Whether its rows are volumes: (N, D, H, W), (N, D, H, W, C) and the like."""
        return len(self.shape) in (4, 5) and not self.is_images

    @property
    def side(self) -> int:
        """The longer side of an image, in pixels."""
        return max(self.plane)

    @property
    def channels(self) -> int:
        """3 for RGB, 1 for grey."""
        return prod(self.shape[1:]) // prod(self.plane)

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        channels_first = len(self.shape) == 4 and self.shape[3] not in (1, 3)
        height, width = self.shape[2:4] if channels_first else self.shape[1:3]
        return height, width


def read_headers(path: Path) -> dict[str, Header]:
    """Read shapes and types of a file's arrays; none of them is decompressed.

    Args:
        path: Of an npz file.
    Returns:
        By key, in the order of the file; arrays whose header can't be read are left out.
    Raises:
        DataError: it is no npz file.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy") and (header := _header(archive, name)):
                    found[name.removesuffix(".npy")] = header
    except _DAMAGED as error:
        raise DataError(f"`{path.name}` is no complete npz file", _SAVE_AS) from error
    return found


def _header(archive: zipfile.ZipFile, name: str) -> Header | None:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        with archive.open(name) as member, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that Python 2 wrote
            shape, _, dtype = readers[np.lib.format.read_magic(member)](member)
    except _DAMAGED:
        return None
    return Header(tuple(shape), dtype)


def read_labels(path: Path, key: str, headers: Mapping[str, Header]) -> npt.NDArray[Any]:
    """Read one array of labels.

    Args:
        path: Of an npz file.
        key: Name of the array.
        headers: What `read_headers` returned.
    Returns:
        (N,), integers or text.
    Raises:
        DataError: it can't be read, or an image can have several of the labels or none.
    """
    header = headers[key]
    if prod(header.shape) * header.dtype.itemsize > _MAX_LABEL_BYTES:
        raise DataError(f"`{key}` in `{path.name}` has the shape {header.shape}; too large", _HINT)
    if header.dtype.kind not in "buifSU":
        raise DataError(
            f"`{key}` in `{path.name}` holds Python objects, which are not loaded; expected "
            "numbers or text",
            "save the labels as numbers or text: numpy.asarray(labels, dtype=str)",
        )
    try:
        with np.load(path, allow_pickle=False) as arrays, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values: npt.NDArray[Any] = arrays[key]
    except _DAMAGED as error:
        raise DataError(f"`{key}` in `{path.name}` is damaged", _SAVE_AS) from error
    return _one_each(path.name, key, values)


_HINT = "expected one label an image, of shape (N,), (N, 1), or (N, K) with a single 1 a row"


def _one_each(file: str, key: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn (N,), (N, 1) or one-hot (N, K) into (N,)."""
    where = f"`{key}` in `{file}`"
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        if values.dtype.kind not in "buif" or not np.isin(values, (0, 1)).all():
            raise DataError(
                f"{where} has the shape {values.shape} and values beside 0 and 1", _HINT
            )
        if not (values.sum(axis=1) == 1).all():
            raise DataError(
                f"{where} has several labels an image, or none (multi-label, {values.shape[1]} "
                "columns); only one class an image is supported",
                "keep the images of one label each, or make a task of a single column",
            )
        values = values.argmax(axis=1)
    if values.ndim != 1:
        raise DataError(f"{where} has the shape {values.shape}", _HINT)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.floor(values))
        if not whole.all():
            raise DataError(f"{where} has fractions or NaN; expected classes", _HINT)
        values = values.astype(np.int64)
    return values
