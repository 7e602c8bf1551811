"""What a file in the caches holds, in a few facts that tell damage from soundness."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SMALL = 1_000_000
"""Bytes of a file whose checksum is compared at every opening: it costs nothing."""


def describe(file: Path) -> dict[str, Any]:
    """Size and checksum of a file, with the shape and the dtype of an array; JSON-ready.

    Raises:
        ValueError: it is called an array and is none.
        OSError: it can't be read.
    """
    facts: dict[str, Any] = {"bytes": file.stat().st_size, "blake2b": _digest(file)}
    if file.suffix == ".npy":
        facts["shape"], facts["dtype"] = _header(file)
    return facts


def fault(file: Path, facts: Mapping[str, Any], deep: bool) -> str:
    """What differs from the facts, in words; empty if nothing does.

    Args:
        file: The file.
        facts: From `describe`.
        deep: Whether to compare the checksum of a large file, too.
    Raises:
        KeyError: the facts are incomplete.
    """
    try:
        size = file.stat().st_size
        if size != facts["bytes"]:
            return f"{file.name} has {size} bytes, not {facts['bytes']}"
        if file.suffix == ".npy" and list(_header(file)) != [facts["shape"], facts["dtype"]]:
            return f"{file.name} has another shape or type"
        if (deep or size <= SMALL) and _digest(file) != facts["blake2b"]:
            return f"{file.name} has another checksum"
    except (OSError, ValueError) as error:
        return f"{file.name} can't be read: {error}"
    return ""


def _header(path: Path) -> tuple[list[int], str]:
    """Shape and dtype of an ``.npy`` file, whose length is checked against them."""
    import numpy as np

    try:
        array = np.lib.format.open_memmap(path, mode="r")
        return [int(side) for side in array.shape], str(array.dtype.str)
    except OSError:
        raise
    # A damaged header is read as Python source: it raises whatever NumPy, `ast` and `tokenize` do.
    except Exception as error:
        raise ValueError(f"{path.name} is no array: {error}") from error


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
