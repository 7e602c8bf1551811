"""Files opened so that damaged lengths in them do no harm."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

IN_MEMORY_BYTES = 1 << 20
"""Files up to this size are read at once, which is fastest."""


class _Clamped(io.BufferedReader):
    """Asks for no more than there is; Python allocates whatever a damaged length asks for."""

    def __init__(self, raw: io.FileIO, num_bytes: int) -> None:
        super().__init__(raw)
        self._num_bytes = num_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most the rest of the file."""
        left = max(0, self._num_bytes - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def open_file(path: Path, stack: ExitStack) -> tuple[BinaryIO, int]:
    """Open a file.

    Args:
        path: Of the file.
        stack: Closes it.
    Returns:
        The file and the number of its bytes.
    Raises:
        OSError: it can't be opened.
    """
    num_bytes = path.stat().st_size
    if num_bytes <= IN_MEMORY_BYTES:
        return io.BytesIO(path.read_bytes()), num_bytes
    return stack.enter_context(_Clamped(io.FileIO(path), num_bytes)), num_bytes
