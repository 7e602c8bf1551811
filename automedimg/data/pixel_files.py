"""The files of the pixel cache while they are written."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np

from automedimg.data import files, forming
from automedimg.data.decoding import Wanted
from automedimg.errors import DataError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Squares:
    """A file of pixels on its way; it becomes 16-bit with the first image that needs it."""

    def __init__(self, home: Path, num: int, wanted: Wanted) -> None:
        self._path = home / "images.npy"
        self._shape = (num, wanted.size, wanted.size, wanted.channels)
        self._array: np.memmap[Any, Any] = self._open(self._path, np.uint8)

    def put(self, row: int, levels: forming.Levels) -> None:
        """Write one image."""
        if levels.dtype == np.uint16 and self._array.dtype == np.uint8:
            self._deepen(row)
        scale = self._array.dtype == np.uint16 and levels.dtype == np.uint8
        self._array[row] = levels.astype(np.uint16) * 257 if scale else levels

    def close(self) -> None:
        """Bring it to the disk."""
        self._array.flush()

    def _open(self, path: Path, dtype: type) -> np.memmap[Any, Any]:
        return create(path, dtype, self._shape)

    def _deepen(self, rows: int) -> None:
        deep = self._open(self._path.with_name("deep.npy"), np.uint16)
        for start in range(0, rows, 1024):
            stop = min(start + 1024, rows)
            deep[start:stop] = self._array[start:stop].astype(np.uint16) * 257
        self._array = deep
        self._path.with_name("deep.npy").replace(self._path)


def create(path: Path, dtype: type, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Create an array on the disk, and take its space now.

    Raises:
        DataError: there is no room for it.
    """
    try:
        array: np.memmap[Any, Any] = np.lib.format.open_memmap(path, "w+", dtype, shape)
        files.reserve(path)
    except OSError as error:
        num_bytes = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
        needed = f"needs {num_bytes / 1e6:.0f} MB in"
        if told := explained(error, path.parent.parent, needed):
            raise told from error
        raise
    return array


def explained(error: OSError, folder: Path, needs: str = "does not fit into") -> DataError | None:
    """A full disk in words; None for all other errors in writing.

    Args:
        error: What the system raised.
        folder: Of the caches.
        needs: Verb of the sentence whose subject is the pixel cache, and object the folder.
    """
    if error.errno not in NO_ROOM:
        return None
    return DataError(
        f"the pixel cache {needs} `{folder}`: {error.strerror}",
        "free some space, see `automedimg cache`, or name another folder with --cache-dir",
    )
