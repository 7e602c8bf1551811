"""A split as a CSV table: written by us, or by hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from automedimg.contracts import SplitName
from automedimg.errors import DataError

COLUMNS = ("path", "label", "group", "split")
SIDES: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
NUM_SHOWN = 3
"""Names that an error gives as examples."""


class SplitRow(NamedTuple):
    """One image's line.

    Args:
        path: The image's name: `Record.name`.
        label: Its class.
        group: Number of its group.
        split: Its side.
    """

    path: str
    label: str
    group: int
    split: SplitName


def write_splits_csv(rows: Iterable[SplitRow]) -> str:
    """The split as CSV text with the columns path, label, group, split."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def read_splits_csv(path: Path, names: Sequence[str]) -> list[SplitName]:
    """Read the side of every image from a table with the columns path and split.

    Other columns are passed over. Commas, semicolons and tabs serve; so do the spellings in
    `SIDES`, in any case, backslashes in paths, and a byte-order mark.

    Args:
        path: The CSV file.
        names: Names of the images, each once.
    Returns:
        The side of each image, in the order of `names`.
    Raises:
        DataError: the file can't be read, a column is missing, or lines and images don't match;
            all that doesn't match is said at once.
    """
    found = _Sides(names)
    for line, name, side in _lines(path):
        found.add(line, name, side)
    problems = found.problems()
    if problems:
        raise DataError(
            f"`{path}` doesn't fit the images: {'; '.join(problems)}",
            "it needs one line for every image, and none for others; paths are relative to the "
            "data set's folder",
        )
    return [found.sides[name] for name in names]


class _Sides:
    """Sides by image, and what is wrong with them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.sides: dict[str, SplitName] = {}
        self._names = {_tidy(name): name for name in names} | {name: name for name in names}
        self._wanted = tuple(names)
        self._seen: set[str] = set()
        self._unknown: list[str] = []
        self._strange: list[str] = []
        self._twice: list[str] = []

    def add(self, line: int, text: str, side_text: str) -> None:
        """Take in one line of the table."""
        name = self._names.get(text) or self._names.get(_tidy(text))
        if name is None:
            self._unknown.append(text)
            return
        self._seen.add(name)
        side = SIDES.get(side_text.strip().lower())
        if side is None:
            self._strange.append(f"`{side_text.strip()}` in line {line}")
        elif self.sides.setdefault(name, side) != side:
            self._twice.append(name)

    def problems(self) -> list[str]:
        """Everything that is wrong, in words."""
        missing = [name for name in self._wanted if name not in self._seen]
        kinds = (
            (f"of {len(self._wanted)} images are missing in it", missing),
            ("line(s) name images that are not there", self._unknown),
            (f"line(s) have an unknown side, expected one of {', '.join(SIDES)}", self._strange),
            ("line(s) put an image on another side than an earlier line", self._twice),
        )
        return [f"{len(found)} {what} ({_first(found)})" for what, found in kinds if found]


def _first(found: Sequence[str]) -> str:
    more = ", ..." if len(found) > NUM_SHOWN else ""
    return ", ".join(found[:NUM_SHOWN]) + more


def _tidy(name: str) -> str:
    return name.strip().replace("\\", "/").removeprefix("./")


def _lines(path: Path) -> list[tuple[int, str, str]]:
    """Line number, path and side of each line that is not empty."""
    text = _text(path)
    header = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"`{path}` is no CSV table: {error}") from error
    titles = [title.strip().lower() for title in rows[0][1]] if rows else []
    absent = [f"`{column}`" for column in ("path", "split") if column not in titles]
    if absent:
        got = ", ".join(titles[:9]) or "nothing"
        raise DataError(
            f"`{path}` has no column {' and no column '.join(absent)}; its first line has: {got}",
            "the first line must name the columns path and split",
        )
    image, side = titles.index("path"), titles.index("split")
    padding = [""] * len(titles)
    return [(line, (row + padding)[image], (row + padding)[side]) for line, row in rows[1:]]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"can't read `{path}`: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"`{path}` is not UTF-8 text (byte {error.start})", "save it as UTF-8"
        ) from error
