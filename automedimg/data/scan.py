"""What was found out about each image beside its pixels: a table that is made once."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data import files
from automedimg.data.decoding import Formed

Column: TypeAlias = npt.NDArray[Any]

NUMBERS = ("width", "height", "bits", "num_bytes", "low", "high")
LOOKS = ("darkest", "brightest", "mean", "border", "corners", "blank")
TEXTS = ("mode", "format", "compression")


@dataclass(frozen=True, slots=True)
class Scan:
    """A table with a row for each image that was asked for.

    Args:
        digests: Hash of each image's content; empty where it could not be read.
        reasons: Why an image could not be read, by row.
        flags: Warnings by row, see `reading.FLAGS`.
        numbers: Columns of numbers, float32 (N,), NaN where unknown: those of the file and the
            look, and tags of the device with a leading ``tag:``.
        texts: Columns of texts: (codes int32 (N,), the texts that they stand for), -1 if unknown.
    """

    digests: tuple[str, ...]
    reasons: Mapping[int, str]
    flags: Mapping[int, tuple[str, ...]]
    numbers: Mapping[str, npt.NDArray[np.float32]]
    texts: Mapping[str, tuple[npt.NDArray[np.int32], tuple[str, ...]]]

    def __len__(self) -> int:
        return len(self.digests)

    def readable(self) -> npt.NDArray[np.int64]:
        """Rows that could be read, int64, ascending."""
        rows = np.ones(len(self), dtype=bool)
        rows[list(self.reasons)] = False
        return np.flatnonzero(rows)

    def text(self, name: str, rows: npt.NDArray[np.int64]) -> list[str | None]:
        """A column of texts, for some rows."""
        codes, words = self.texts[name]
        return [words[code] if code >= 0 else None for code in codes[rows]]


@dataclass(slots=True)
class ScanWriter:
    """Collects rows, then writes the table."""

    digests: list[str] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    flags: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _numbers: dict[str, array[float]] = field(default_factory=dict)
    _codes: dict[str, array[int]] = field(default_factory=dict)
    _words: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, formed: Formed | str, digest: str) -> None:
        """Add a row.

        Args:
            formed: The image, or why it can't be read.
            digest: Hash of its file; empty takes the hash of its pixels.
        """
        row = len(self.digests)
        if isinstance(formed, str):
            self.reasons[row] = formed
            self.digests.append("")
            return
        self.digests.append(digest or formed.digest)
        if formed.facts.flags:
            self.flags[row] = formed.facts.flags
        for name, value in _cells(formed):
            if isinstance(value, str):
                words = self._words.setdefault(name, {})
                codes = self._codes.setdefault(name, array("i"))
                _put(codes, row, words.setdefault(value, len(words)), -1)
            else:
                _put(self._numbers.setdefault(name, array("f")), row, float(value), math.nan)

    def finish(self) -> Scan:
        """Return the table."""
        num = len(self.digests)
        return Scan(
            digests=tuple(self.digests),
            reasons=dict(self.reasons),
            flags=dict(self.flags),
            numbers={
                name: np.array(_filled(column, num, math.nan), dtype=np.float32)
                for name, column in self._numbers.items()
            },
            texts={
                name: (np.array(_filled(codes, num, -1), dtype=np.int32), tuple(self._words[name]))
                for name, codes in self._codes.items()
            },
        )


def _cells(formed: Formed) -> Iterator[tuple[str, float | str]]:
    facts = formed.facts
    yield from (("width", facts.width), ("height", facts.height), ("bits", facts.bits))
    yield from (("num_bytes", facts.num_bytes), ("low", formed.stored[0]))
    yield "high", formed.stored[1]
    yield from ((name, float(getattr(formed.look, name))) for name in LOOKS)
    yield from ((name, getattr(facts, name)) for name in TEXTS)
    yield from ((f"tag:{name}", value) for name, value in facts.tags.items())


def _put(column: array[Any], row: int, value: float, missing: float) -> None:
    """Append a row's value; columns that some rows lack are filled up before it."""
    _filled(column, row, missing).append(value)


def _filled(column: array[Any], num: int, missing: float) -> array[Any]:
    column.extend([missing] * (num - len(column)))
    return column


def save(folder: Path, scan: Scan) -> None:
    """Write a table into a folder: ``scan.npz`` and ``scan.json``."""
    codes = {f"text/{name}": codes for name, (codes, _) in scan.texts.items()}
    numbers = {f"number/{name}": column for name, column in scan.numbers.items()}
    digests = np.array(scan.digests, dtype="S")
    np.savez(folder / "scan.npz", digests=digests, **codes, **numbers)  # type: ignore[arg-type]
    rest = {
        "reasons": scan.reasons,
        "flags": scan.flags,
        "words": {name: words for name, (_, words) in scan.texts.items()},
    }
    files.write_json(folder / "scan.json", rest)


def load(folder: Path, num: int) -> Scan:
    """Read a table of so many rows back.

    Raises:
        OSError, EOFError, ValueError, KeyError, BadZipFile: it is not there, or damaged.
    """
    rest = json.loads((folder / "scan.json").read_text(encoding="utf-8"))
    # NumPy leaves a file open that it opened and can't make sense of.
    with (folder / "scan.npz").open("rb") as file, np.load(file, allow_pickle=False) as table:
        columns = {name: table[name] for name in table.files}
    if any(len(column) != num for column in columns.values()):
        raise ValueError("another number of rows")
    return Scan(
        digests=tuple(digest.decode() for digest in columns.pop("digests")),
        reasons={int(row): reason for row, reason in rest["reasons"].items()},
        flags={int(row): tuple(flags) for row, flags in rest["flags"].items()},
        numbers=_under(columns, "number/"),
        texts={
            name: (codes, tuple(rest["words"][name]))
            for name, codes in _under(columns, "text/").items()
        },
    )


def _under(columns: Mapping[str, Column], prefix: str) -> dict[str, Column]:
    return {
        name.removeprefix(prefix): column
        for name, column in columns.items()
        if name.startswith(prefix)
    }


def describe_columns(
    scan: Scan, rows: Sequence[int] | npt.NDArray[np.int64]
) -> dict[str, list[Any]]:
    """The columns that say something of an image without showing it, for some rows.

    Returns:
        By name, a number, a text or None for each row: size, aspect ratio, bytes a pixel, mode,
        compression, border, corners, and the device's tags.
    """
    chosen = np.asarray(rows, dtype=np.int64)
    numbers = {name: column[chosen].astype(np.float64) for name, column in scan.numbers.items()}
    width, height = numbers["width"], numbers["height"]
    derived = {
        "width": width,
        "height": height,
        "aspect": width / height,
        "bits": numbers["bits"],
        "bytes_per_pixel": np.where(
            numbers["num_bytes"] > 0, numbers["num_bytes"] / (width * height), np.nan
        ),
        "border_brightness": numbers["border"],
        "corner_text": numbers["corners"],
    }
    derived |= {n.removeprefix("tag:"): c for n, c in numbers.items() if n.startswith("tag:")}
    columns: dict[str, list[Any]] = {
        name: [None if np.isnan(value) else float(value) for value in column]
        for name, column in derived.items()
    }
    for name in scan.texts:
        columns[name.removeprefix("tag:")] = list(scan.text(name, chosen))
    return columns
