"""Arrays in HDF5 files, read chunk by chunk: an array may be larger than the memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from automedimg.data.reading.rows import (
    check_array,
    is_images,
    row_bytes,
    row_image,
    row_parts,
    split_part,
)
from automedimg.data.reading.types import RawImage
from automedimg.data.reading.values import Values
from automedimg.errors import DataError

BLOCK_BYTES = 32 << 20
"""Rows that share a chunk are read together, up to this much."""

MAX_CHUNK_BYTES = 512 << 20
"""HDF5 decompresses whole chunks; larger ones are refused."""

MAX_EXPANSION = 1100
"""As for npz: deflate, nearly always the compression, reaches 1032 bytes for one."""

MAX_OBJECTS = 10_000
"""Groups and arrays that are looked at."""

COMPRESSIONS = {"gzip": "deflate", "lzf": "LZF", "szip": "SZIP"}

ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError, MemoryError, OverflowError)


def read_rows(path: Path, parts: Sequence[str]) -> Iterator[RawImage | str]:
    """Read rows of the arrays of an HDF5 file, as `read_parts` does."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_open(path))
        except ERRORS:
            yield from ("damaged: not a complete HDF5 file" for _ in parts)
            return
        rows = _Rows(file)
        for part in parts:
            try:
                yield rows.read(part)
            except DataError as error:
                yield error.message
            except MemoryError:
                yield "not enough memory to read it"
            # The library's own words may quote names from the file.
            except ERRORS:
                yield "damaged: the array can't be read"


def list_rows(path: Path, key: str | None) -> list[str]:
    """Name the rows of the arrays that hold images, of one of them if it is named.

    Raises:
        DataError: the file can't be read, or has no such array.
    """
    try:
        with _open(path) as file:
            names = _names(file) if key is None else [key]
            return row_parts({name: _images(file, name).shape[0] for name in names})
    except DataError:
        raise
    except ERRORS:
        raise DataError("damaged: not a complete HDF5 file") from None


def _open(path: Path) -> h5py.File:
    return h5py.File(path, "r", locking=False)


def _names(file: h5py.File) -> Iterator[str]:
    """Name the arrays of images, following no links out of the file or in circles."""
    groups: list[tuple[str, h5py.Group]] = [("", file)]
    seen: set[int] = set()
    while groups:
        prefix, group = groups.pop(0)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            child = group[name]
            address = h5py.h5o.get_info(child.id).addr
            if address in seen or len(seen) > MAX_OBJECTS:
                continue
            seen.add(address)
            if isinstance(child, h5py.Group):
                groups.append((f"{prefix}{name}/", child))
            elif isinstance(child, h5py.Dataset) and is_images(child.shape or (), child.dtype):
                yield prefix + name


def _images(file: h5py.File, name: str) -> h5py.Dataset:
    """Return the array of that name.

    Raises:
        DataError: there is none, its rows are no images, or they are stored outside the file.
    """
    node: h5py.Group | h5py.Dataset = file
    for step in name.split("/"):
        if not isinstance(node, h5py.Group) or step in ("", ".", "..") or step not in node:
            raise DataError("there is no such array in the file")
        # A link may lead to any file of this machine.
        if not isinstance(node.get(step, getlink=True), h5py.HardLink):
            raise DataError("an array behind a link, which is not followed")
        node = node[step]
    if not isinstance(node, h5py.Dataset):
        raise DataError("there is no such array in the file")
    check_array(node.shape or (), node.dtype)
    _check_storage(node)
    return node


def _check_storage(array: h5py.Dataset) -> None:
    if array.is_virtual or array.external:
        raise DataError("an array that is stored in other files, which are not read")
    chunk_bytes = int(np.prod(array.chunks or (1,), dtype=np.float64)) * array.dtype.itemsize
    if chunk_bytes > MAX_CHUNK_BYTES:
        raise DataError(
            f"chunks of {chunk_bytes:,} bytes, more than the {MAX_CHUNK_BYTES:,} allowed"
        )
    claimed = array.shape[0] * row_bytes(array.shape, array.dtype)
    if claimed > MAX_EXPANSION * array.id.get_storage_size():
        raise DataError("an array that claims more than the file holds")


class _Rows:
    """The array that is being read, and the block of rows that was read last."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._name = ""
        self._array: h5py.Dataset | None = None
        self._block: Values = np.empty(0, np.uint8)
        self._first_row = 0

    def read(self, part: str) -> RawImage:
        """Return one row as an image."""
        name, row = split_part(part) if part else (self._first(), 0)
        if self._array is None or name != self._name:
            self._array, self._name = _images(self._file, name), name
            self._block = np.empty(0, np.uint8)
        array = self._array
        if row >= array.shape[0]:
            raise DataError(f"there is no row {row} in an array of {array.shape[0]}")
        compression = COMPRESSIONS.get(array.compression, "other") if array.compression else ""
        return row_image(self._row(array, row), "HDF5", compression)

    def _first(self) -> str:
        name = next(_names(self._file), None)
        if name is None:
            raise DataError("there is no array of images in the file")
        return name

    def _row(self, array: h5py.Dataset, row: int) -> Values:
        if not self._first_row <= row < self._first_row + len(self._block):
            # Chunks that hold several rows would be decompressed anew for each of them.
            together = array.chunks[0] if array.chunks else 1
            together = max(1, min(together, BLOCK_BYTES // row_bytes(array.shape, array.dtype)))
            self._first_row = row - row % together
            self._block = np.empty(0, np.uint8)
            self._block = array[self._first_row : self._first_row + together]
        values: Values = self._block[row - self._first_row]
        return values
