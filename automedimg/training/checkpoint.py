"""The checkpoint file: from it a trial that was cut off goes on, and gives the same numbers.

It is one npz that is either whole or not there. Beside the arrays it holds ``about``: JSON, with
the names of all arrays and a fingerprint of the trial that it is of. The zip's checksums cover
every array, so that a damaged file is noticed, and then counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data import files

FILE = "checkpoint.npz"
"""Its name in the trial's folder."""

FORMAT = 2
"""Part of every fingerprint: a checkpoint of another format is of another trial."""

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint file holds.

    Args:
        about: Plain JSON types.
        arrays: By name; numbers of any shape.
    """

    about: Mapping[str, Any]
    arrays: Arrays


def fingerprint(*parts: Any) -> str:
    """Hash what a checkpoint is valid for: plain JSON types."""
    text = json.dumps([FORMAT, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path, mark: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: Where to.
        mark: The trial's fingerprint.
        checkpoint: What to write.
    Raises:
        OSError: the disk is full, or can't be written to; an older checkpoint stays.
    """
    about = {**checkpoint.about, "fingerprint": mark, "arrays": sorted(checkpoint.arrays)}
    text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    with files.replacing(path) as temporary:
        np.savez(temporary, allow_pickle=False, about=text, **checkpoint.arrays)


def read(path: Path, mark: str) -> Checkpoint | None:
    """Read a checkpoint; None if there is none, or it is damaged or of another trial.

    Args:
        path: Where from.
        mark: The fingerprint that it must have.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            if about["fingerprint"] != mark:
                raise ValueError("it is of another trial, or of another version")
            return Checkpoint(about, {name: file[name] for name in about["arrays"]})
    except FileNotFoundError:
        return None
    # A damaged zip makes zipfile, zlib and NumPy raise nearly anything, a MemoryError included.
    except Exception as error:  # noqa: BLE001
        refuse(path, error)
        return None


def seconds_in(path: Path) -> float:
    """Seconds of its trial that a checkpoint rests on; 0 if there is none that can be read."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return float(json.loads(file["about"].tobytes())["trial_s"])
    # As in `read`, where whoever uses it is told.
    except Exception:  # noqa: BLE001
        return 0.0


def refuse(path: Path, error: Exception) -> None:
    """Say in the log why a checkpoint isn't used."""
    sys.stderr.write(f"{path}: can't be used, the trial begins anew: {error!r}\n")


def remove_leftovers(path: Path) -> None:
    """Remove what a kill in the middle of `write` left behind; nobody else may be writing."""
    for leftover in path.parent.glob(f".{path.stem}-*{path.suffix}"):
        leftover.unlink(missing_ok=True)
