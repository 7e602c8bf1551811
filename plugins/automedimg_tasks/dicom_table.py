"""Labels of DICOM files from a table: which column names the files, and what it says of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automedimg.contracts import SetAside, SplitName
from automedimg.errors import DataError
from automedimg_tasks.csv_files import FileIndex
from automedimg_tasks.csv_rows import row_group
from automedimg_tasks.dicom_headers import Header
from automedimg_tasks.folder_files import suffix
from automedimg_tasks.tables import quoted, read_table
from automedimg_tasks.tables_classes import parse_label, parse_split
from automedimg_tasks.tables_columns import (
    GROUP_NAMES,
    PATH_NAMES,
    Row,
    group_column,
    known_columns,
    label_column,
    named_column,
    split_column,
)

_UID_NAMES = (
    *("sopinstanceuid", "sopuid", "instanceuid", "imageuid", "seriesinstanceuid", "seriesuid"),
    *("studyinstanceuid", "studyuid", "seriesid", "studyid", "uid"),
)
# From one image to all of a patient; in messages.
_KINDS = ("file", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID")

Lookup = Mapping[str, Sequence[str]]
"""Paths of the files that have a value."""


@dataclass(frozen=True, slots=True)
class Key:
    """A column that names the files: the table's rows, and the files of each."""

    table: Path
    rows: list[Row]
    column: str
    kind: str
    files: list[Sequence[str]]

    @property
    def num_files(self) -> int:
        """Files that are named."""
        return len({path for paths in self.files for path in paths})


@dataclass(slots=True)
class Labels:
    """What is known of each file, by path, and where it comes from.

    Args:
        words: Where the labels come from, in a few words.
        labels: By path.
        splits: By path; empty where there is no publisher's split.
        groups: By path: pseudonyms of the patients that a table names.
        reasons: Why a file has no label, by path.
        rows: Rows of a table that name no file.
        missing: Why any other file has no label.
    """

    words: str
    labels: dict[str, str] = field(default_factory=dict)
    splits: dict[str, SplitName] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    rows: list[SetAside] = field(default_factory=list)
    missing: str = "no label"


def find_key(root: Path, table: Path, headers: Sequence[Header], named: str = "") -> Key | None:
    """Find the column of a table that names the files or their UIDs or patients.

    Well-known names are tried first; of several columns the one that names most files is taken,
    and of several meanings of its entries the finest.

    Args:
        root: What the table's paths may start at.
        table: The file.
        headers: Of the DICOM files.
        named: The column that the user named.
    Returns:
        None if there is none.
    Raises:
        DataError: the table can't be read, or the named column names no file.
    """
    rows = read_table(table)
    columns = list(rows[0])
    lookups = _lookups(headers)
    index = FileIndex([header.path for header in headers], root)
    if named:
        column = named_column(table.name, columns, named, "key")
        best = _best(table, rows, [column], index, lookups)
        if best is None:
            raise DataError(
                f"no entry of column `{column}` of `{table.name}` is a file here, nor a UID or "
                "PatientID of one",
                "name another column with the option key",
            )
        return best
    known = known_columns(columns, (*PATH_NAMES, *_UID_NAMES, *GROUP_NAMES))
    best = _best(table, rows, known, index, lookups)
    if best is None:
        best = _best(table, rows, columns, index, lookups)
        if best is not None and 2 * best.num_files < len(headers):
            return None  # an age that is also somebody's PatientID, say
    return best


def table_labels(key: Key, label: str, guess: bool) -> Labels | None:
    """Read the labels.

    Args:
        key: The table, and the column that names the files.
        label: The column that the user named; empty looks for one.
        guess: Whether a column of any name is taken, if it is the only one that can be it.
    Returns:
        None where no column is called like labels, and guessing isn't allowed.
    Raises:
        DataError: there is no such column, or several could be it.
    """
    name, columns = key.table.name, list(key.rows[0])
    column = (
        named_column(name, columns, label, "label")
        if label
        else label_column(name, key.rows, key.column, guess)
    )
    if column is None:
        if not guess:
            return None
        others = [each for each in columns if each != key.column]
        raise DataError(
            f"which column of `{name}` is the label? It has {quoted(others) or 'no other'} beside "
            f"`{key.column}`, and none is called like labels",
            "say which with the option label, e.g. label=diagnosis",
        )
    taken = (key.column, column)
    group = group_column(columns, (column,))
    split = split_column(key.rows, taken)
    found = Labels(
        f"label column `{column}` of `{name}`, matched by {key.kind} in `{key.column}`"
        + (f", the publisher's split in `{split}`" if split else ""),
        missing=f"no row in `{name}`",
    )
    _fill(found, key, column, group, split)
    return found


def _fill(found: Labels, key: Key, column: str, group: str | None, split: str | None) -> None:
    values: dict[str, set[tuple[str | None, SplitName | None]]] = defaultdict(set)
    for row, paths in zip(key.rows, key.files, strict=True):
        if not paths and key.kind == "file" and suffix(row[key.column]):
            found.rows.append(SetAside(row[key.column], "no such DICOM file"))
        patient = row_group(row, group)
        for path in paths:
            side = parse_split(row[split]) if split else None
            values[path].add((parse_label(row[column]), side))
            if patient:
                found.groups[path] = patient
    for path, given in values.items():
        label, side = next(iter(given))
        if len(given) > 1:
            found.reasons[path] = f"several labels or sides in `{key.table.name}`"
        elif label is None:
            found.reasons[path] = f"no label in `{key.table.name}`"
        elif split and side is None:
            found.reasons[path] = f"on no side of the split in `{key.table.name}`"
        else:
            found.labels[path] = label
            if side:
                found.splits[path] = side


def _lookups(headers: Sequence[Header]) -> dict[str, Lookup]:
    """By kind of identifier: the files that have each value."""
    found: dict[str, dict[str, list[str]]] = {kind: defaultdict(list) for kind in _KINDS[1:]}
    for header in headers:
        values = (header.instance, header.series, header.study, header.patient)
        for kind, value in zip(_KINDS[1:], values, strict=True):
            if value:
                found[kind][value].append(header.path)
    return {kind: dict(files) for kind, files in found.items()}


def _best(
    table: Path,
    rows: list[Row],
    columns: Sequence[str],
    index: FileIndex,
    lookups: Mapping[str, Lookup],
) -> Key | None:
    keys = [
        Key(table, rows, column, kind, [_files(row[column], kind, index, lookups) for row in rows])
        for column in columns
        for kind in _KINDS
    ]
    # max() keeps the first of equals: the likeliest column, the finest kind.
    best = max(keys, key=lambda key: key.num_files, default=None)
    return best if best is not None and best.num_files else None


def _files(entry: str, kind: str, index: FileIndex, lookups: Mapping[str, Lookup]) -> Sequence[str]:
    if not entry:
        return ()
    if kind != "file":
        return lookups[kind].get(entry, ())
    found = index.resolve(entry)
    return (found,) if isinstance(found, str) else ()
