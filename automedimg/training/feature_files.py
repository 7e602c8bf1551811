"""A cache entry that is written a part at a time, so that a kill costs the last part only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from automedimg.data import files

PART_S = 15.0
"""Seconds of work after which what is done is noted."""

STALE_S = 6 * 3600.0
"""Seconds after which a file that nobody has written to is nobody's."""

Features = npt.NDArray[np.float32]


def write_in_parts(
    path: Path,
    mark: str,
    shape: tuple[int, ...],
    parts: Callable[[int], Iterator[Features]],
) -> Path:
    """Write an array beside its final place, from where an earlier attempt was cut off.

    Args:
        path: The final place; nothing is put there.
        mark: Part of the name of what is written; two processes that write one entry at a time need
            two of them.
        shape: (N, D), or (N, ...) of activations.
        parts: From a row on, yields the next rows, in order: float32 (M, D), or (M, ...).
    Returns:
        Where the whole array lies now; the caller moves it.
    Raises:
        OSError: no space is left, or the folder can't be written to.
    """
    partial = path.with_name(f".{path.stem}-{mark}{path.suffix}")
    notes = partial.with_suffix(".progress")
    done = _done(partial, notes, shape)
    if done == 0:
        array = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
        files.reserve(partial)
    else:
        array = np.lib.format.open_memmap(partial, "r+")
    noted = time.monotonic()
    for part in parts(done):
        array[done : done + len(part)] = part
        done += len(part)
        if time.monotonic() - noted > PART_S:
            array.flush()
            files.forget_pages(array)
            files.write_text(notes, json.dumps({"rows": done, "shape": shape}))
            noted = time.monotonic()
    array.flush()
    files.forget_pages(array)
    notes.unlink(missing_ok=True)
    return partial


def sweep(folder: Path) -> None:
    """Delete what was left half written long ago; what is young may be another worker's."""
    for torn in (*folder.glob(".*-*.npy"), *folder.glob(".*-*.progress")):
        with suppress(OSError):
            if time.time() - torn.stat().st_mtime > STALE_S:
                torn.unlink()


def _done(partial: Path, notes: Path, shape: tuple[int, ...]) -> int:
    """Rows that an earlier attempt has written; 0 if it is not there or not as it should be."""
    try:
        found = json.loads(notes.read_text(encoding="utf-8"))
        rows, known = int(found["rows"]), tuple(found["shape"])
        array = np.load(partial, mmap_mode="r", allow_pickle=False)
    # Notes or an array that a kill or a disk damaged may raise nearly anything.
    except Exception:  # noqa: BLE001
        return 0
    fits = known == shape == array.shape and array.dtype == np.float32
    return rows if fits and 0 < rows <= shape[0] else 0
