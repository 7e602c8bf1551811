"""From the rows of a table to records: one a file, and a reason for each row that gives none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from automedimg.contracts import Record, SetAside, SplitName, pseudonym
from automedimg.errors import DataError
from automedimg_tasks.csv_reading import Reading
from automedimg_tasks.tables_classes import parse_label, parse_split
from automedimg_tasks.tables_columns import Row


def table_records(reading: Reading, classes: Collection[str] = ()) -> Iterator[Record | SetAside]:
    """List a table's images in the order of its rows.

    Args:
        reading: The table, opened.
        classes: Labels to keep; empty keeps all.
    Raises:
        DataError: not one of the files is there.
    """
    resolved = reading.resolved
    if not any(isinstance(path, str) for path in resolved):
        raise DataError(
            f"none of the {len(resolved):,} files that column `{reading.path}` of "
            f"`{reading.table}` names is below `{reading.base.name}`",
            "name the folder of the images with images=, or their suffix with suffix=.png",
        )
    problems = _contradictions(reading, resolved)
    done: set[str] = set()
    for row, path in zip(reading.rows, resolved, strict=True):
        if isinstance(path, SetAside):
            yield path
        elif path in done:
            if path not in problems:
                yield SetAside(_from_root(reading, path), f"once more in `{reading.table}`")
        else:
            done.add(path)
            yield from _record(reading, row, path, problems, classes)


def _record(
    reading: Reading, row: Row, path: str, problems: dict[str, str], classes: Collection[str]
) -> Iterator[Record | SetAside]:
    label = parse_label(row[reading.label])
    where = _from_root(reading, path)
    split: SplitName | None = parse_split(row[reading.split]) if reading.split else None
    if path in problems:
        yield SetAside(where, problems[path])
    elif label is None:
        yield SetAside(where, f"no label in `{reading.table}`")
    elif reading.split and split is None:
        yield SetAside(where, f"on no side of the split in `{reading.table}`")
    elif not classes or label in classes:
        yield Record(where, label, row_group(row, reading.group), split)


def row_group(row: Row, column: str | None) -> str | None:
    """Pseudonym of a row's patient; None where it names none."""
    patient = parse_label(row[column]) if column else None
    return None if patient is None else pseudonym(patient)


def _contradictions(reading: Reading, resolved: list[str | SetAside]) -> dict[str, str]:
    """Files that the table gives several labels or sides, with the reason to set them aside."""
    said: dict[str, tuple[str, str]] = {}
    others: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row, path in zip(reading.rows, resolved, strict=True):
        if isinstance(path, str):
            says = (
                parse_label(row[reading.label]) or "none",
                row[reading.split] if reading.split else "",
            )
            if says != said.setdefault(path, says):
                others[path] |= {says, said[path]}
    return {path: _contradiction(reading.table, both) for path, both in others.items()}


def _contradiction(table: str, said: Collection[tuple[str, str]]) -> str:
    labels = sorted({label for label, _ in said})
    if len(labels) > 1:
        return f"several labels in `{table}`: {', '.join(labels)}"
    return f"on several sides of the split in `{table}`"


def _from_root(reading: Reading, path: str) -> str:
    """A path as records have it: relative to the root, absolute where it is elsewhere."""
    if reading.base == reading.root or Path(path).is_absolute():
        return path
    file = reading.base / path
    inside = file.is_relative_to(reading.root)
    return (file.relative_to(reading.root) if inside else file.absolute()).as_posix()
