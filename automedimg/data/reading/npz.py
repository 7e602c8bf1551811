"""Arrays in npz files, read row by row: an array may be larger than the memory."""

from __future__ import annotations

import errno
import math
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

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

# Our own grammar: NumPy's parser evaluates the header as Python, which damaged files abuse.
HEADER = re.compile(
    rb"\{\s*'descr':\s*'([<>|=]?[biuf]\d{1,2})',\s*'fortran_order':\s*(True|False),"
    rb"\s*'shape':\s*\(([\d,\s]{0,200})\),?\s*\}\s*"
)

MAX_EXPANSION = 1100
"""Deflate reaches 1032 bytes for one; an array that claims more is a bomb."""

SKIP_BYTES = 1 << 20

ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, EOFError, zlib.error, KeyError)
ERRORS += (zipfile.BadZipFile, RuntimeError, NotImplementedError, MemoryError, OverflowError)


@dataclass(frozen=True, slots=True)
class Header:
    """What an array says of itself.

    Args:
        shape: As it is.
        dtype: Without objects.
        columns_first: Stored in Fortran's order.
        offset: Bytes before the values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    columns_first: bool
    offset: int


def read_rows(path: Path, parts: Sequence[str]) -> Iterator[RawImage | str]:
    """Read rows of the arrays of an npz file, as `read_parts` does."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
        except ERRORS:
            yield from ("damaged: not a complete npz file" for _ in parts)
            return
        rows = stack.enter_context(_Rows(archive, path.stat().st_size))
        for part in parts:
            try:
                yield rows.read(part)
            except DataError as error:
                yield error.message
            except ERRORS as error:
                rows.close()
                yield _reason(error)


def list_rows(path: Path, key: str | None) -> list[str]:
    """Name the rows of the arrays that hold images, of one of them if it is named.

    Raises:
        DataError: the file can't be read, or has no such array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = path.stat().st_size
            headers = [(name, header_of(archive, name, size)) for name in _names(archive, key)]
    except ERRORS as error:
        raise DataError(_reason(error)) from None
    if key is not None:
        for _, header in headers:
            check_array(header.shape, header.dtype)
    images = (item for item in headers if is_images(item[1].shape, item[1].dtype))
    return row_parts({name: header.shape[0] for name, header in images})


def _names(archive: zipfile.ZipFile, key: str | None) -> list[str]:
    found = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
    if key is None:
        return found
    if key not in found:
        raise DataError("there is no such array in the file")
    return [key]


def header_of(archive: zipfile.ZipFile, name: str, file_bytes: int) -> Header:
    """Read the header of an array and check it against what the file can hold.

    Raises:
        DataError: it is damaged, or claims more than there is.
    """
    info = archive.getinfo(f"{name}.npy")
    if info.compress_size > file_bytes or info.file_size > MAX_EXPANSION * file_bytes:
        raise DataError("an array that claims more than the file can hold")
    with archive.open(info) as member:
        start = member.read(8)
        wide = start[6:7] in (b"\x02", b"\x03")
        length = int.from_bytes(member.read(4 if wide else 2), "little")
        if start[:6] != b"\x93NUMPY" or length > 10_000:
            raise DataError("damaged: an array without a header")
        match = HEADER.fullmatch(member.read(length))
    if match is None:
        raise DataError("an array of other things than numbers")
    shape = tuple(int(side) for side in match[3].split(b",") if side.strip())
    dtype = _dtype(match[1].decode())
    offset = (12 if wide else 10) + length
    if offset + math.prod(shape) * dtype.itemsize != info.file_size:
        raise DataError("damaged: an array whose size is not what its header says")
    return Header(shape, dtype, match[2] == b"True", offset)


def _dtype(text: str) -> np.dtype[np.generic]:
    try:
        return np.dtype(text)
    except TypeError:
        raise DataError("an array of other things than numbers") from None


class _Rows:
    """The array that is being read: whole where it is small, else its stream and a place in it."""

    WHOLE_BYTES = 256 << 20

    def __init__(self, archive: zipfile.ZipFile, file_bytes: int) -> None:
        self._archive = archive
        self._file_bytes = file_bytes
        self._name = ""
        self._header = Header((), np.dtype(np.uint8), False, 0)
        self._compression = ""
        self._whole: Values | None = None
        self._stream: IO[bytes] | None = None
        self._next_row = 0

    def __enter__(self) -> _Rows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget the array."""
        if self._stream is not None:
            self._stream.close()
        self._name, self._whole, self._stream = "", None, None

    def read(self, part: str) -> RawImage:
        """Return one row as an image."""
        name, row = split_part(part) if part else (self._first(), 0)
        if name != self._name:
            self._open(name)
        num_rows = self._header.shape[0]
        if row >= num_rows:
            raise DataError(f"there is no row {row} in an array of {num_rows}")
        return row_image(self._row(row), "NPZ", self._compression)

    def _first(self) -> str:
        for name in _names(self._archive, None):
            header = header_of(self._archive, name, self._file_bytes)
            if is_images(header.shape, header.dtype):
                return name
        raise DataError("there is no array of images in the file")

    def _open(self, name: str) -> None:
        self.close()
        _names(self._archive, name)
        header = header_of(self._archive, name, self._file_bytes)
        check_array(header.shape, header.dtype)
        info = self._archive.getinfo(f"{name}.npy")
        if info.file_size <= self.WHOLE_BYTES:
            content = self._archive.read(info)
            flat = np.frombuffer(content, header.dtype, offset=header.offset)
            self._whole = (
                flat.reshape(header.shape[::-1]).T
                if header.columns_first
                else flat.reshape(header.shape)
            )
        elif header.columns_first:
            raise DataError("a large array in Fortran's order, whose rows are not in one piece")
        self._compression = "" if info.compress_type == zipfile.ZIP_STORED else "deflate"
        self._name, self._header = name, header

    def _row(self, row: int) -> Values:
        if self._whole is not None:
            values: Values = self._whole[row]
            return values
        num_bytes = row_bytes(self._header.shape, self._header.dtype)
        stream = self._at(row, num_bytes)
        content = stream.read(num_bytes)
        if len(content) < num_bytes:
            raise EOFError
        self._next_row = row + 1
        return np.frombuffer(content, self._header.dtype).reshape(self._header.shape[1:])

    def _at(self, row: int, num_bytes: int) -> IO[bytes]:
        """The array's stream, at the start of a row."""
        if self._stream is not None and row < self._next_row:
            self._stream.close()
            self._stream = None
        if self._stream is None:
            self._stream = self._archive.open(f"{self._name}.npy")
            self._next_row = 0
            _skip(self._stream, self._header.offset)
        _skip(self._stream, (row - self._next_row) * num_bytes)
        return self._stream


def _skip(stream: IO[bytes], num_bytes: int) -> None:
    while num_bytes > 0:
        skipped = len(stream.read(min(num_bytes, SKIP_BYTES)))
        if not skipped:
            raise EOFError
        num_bytes -= skipped


def _reason(error: Exception) -> str:
    # A damaged offset asks for a place before the file, which is EINVAL.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return f"can't be read: {os.strerror(error.errno or 0).lower()}"
    if isinstance(error, MemoryError):
        return "not enough memory to read it"
    if isinstance(error, RuntimeError | NotImplementedError):
        return "an array that is encrypted or compressed in an unknown way"
    return "damaged: the array can't be decompressed"
