"""A table of images, opened: what each of its columns was taken for, and the files beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automedimg.contracts import SetAside
from automedimg.errors import DataError
from automedimg_tasks.csv_files import FileIndex, is_absolute
from automedimg_tasks.folder_files import has_image_suffix, list_files
from automedimg_tasks.tables import quoted, read_table
from automedimg_tasks.tables_columns import (
    PATH_NAMES,
    Row,
    check_split,
    group_column,
    known_columns,
    label_column,
    named_column,
    split_column,
)

_TRIED_ROWS = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns, the folder and the suffix that the user named; empty where they did not."""

    path: str = ""
    label: str = ""
    group: str = ""
    split: str = ""
    images: str = ""
    suffix: str = ""

    def base(self, root: Path) -> Path:
        """The folder that the table's paths start at."""
        return Path(os.path.normpath(root / self.images)) if self.images else root


@dataclass(frozen=True, slots=True)
class Reading:
    """A table and its columns.

    Args:
        root: What record paths are relative to.
        base: What the table's paths are relative to.
        table: Name of the file.
        rows: All of them.
        resolved: The file of each row, relative to `base`, or why there is none.
        path: Column of the files.
        label: Column of the labels.
        group: Column of the patients, if there is one.
        split: Column of the publisher's split, if there is one.
        num_files: Images below `base`.
    """

    root: Path
    base: Path
    table: str
    rows: list[Row]
    resolved: list[str | SetAside]
    path: str
    label: str
    group: str | None
    split: str | None
    num_files: int

    def in_words(self) -> str:
        """Say in a line what was taken for what."""
        parts = [
            f"{len(self.rows):,} rows of `{self.table}`, files in column `{self.path}`",
            f"labels in `{self.label}`",
            f"patients in `{self.group}`" if self.group else "no column of patients",
            f"the publisher's split in `{self.split}`" if self.split else "",
        ]
        found = {path for path in self.resolved if isinstance(path, str)}
        used = {path for path in found if not is_absolute(path)}
        unnamed = self.num_files - len(used)
        parts.append(f"{unnamed:,} images not in the table" if unnamed > 0 else "")
        return "; ".join(part for part in parts if part)


def open_table(root: Path, table: Path, choice: Choice) -> Reading:
    """Read a table, find its columns and list the images.

    Args:
        root: What record paths will be relative to.
        table: The file.
        choice: What the user named.
    Raises:
        DataError: the table can't be read, or a column can't be found.
    """
    rows = read_table(table)
    columns = list(rows[0])
    base = choice.base(root)
    if not base.is_dir():
        raise DataError(
            f"option `images` is `{choice.images}`; there is no such folder",
            "write it as seen from the table's folder, or as an absolute path",
        )
    files = list_files(base, ordered=False)
    index = FileIndex(files, base, choice.suffix)
    path = find_path_column(table.name, rows, index, choice.path)
    if path is None:
        raise _no_path(table.name, rows, index, base)
    label = _label(table.name, rows, path, choice.label)
    group = (
        named_column(table.name, columns, choice.group, "group")
        if choice.group
        else group_column(columns, (path, label))
    )
    taken = [column for column in (path, label, group) if column]
    split = _split(table.name, rows, taken, choice.split)
    resolved = [index.resolve(row[path]) for row in rows]
    return Reading(root, base, table.name, rows, resolved, path, label, group, split, len(files))


def find_path_column(
    table: str, rows: Sequence[Row], index: FileIndex, named: str = ""
) -> str | None:
    """Find the column whose first entries are files.

    Args:
        table: The file's name, for the message.
        rows: The table's.
        index: The images that are there.
        named: The column that the user named.
    Returns:
        None if there is none.
    Raises:
        DataError: several columns without a well-known name are, or the named one is missing.
    """
    columns = list(rows[0])
    if named:
        return named_column(table, columns, named, "path")
    for column in known_columns(columns, PATH_NAMES):
        if _names_files(rows, column, index):
            return column
    fitting = [column for column in columns if _names_files(rows, column, index)]
    if len(fitting) > 1:
        raise DataError(
            f"`{table}` has several columns of files: {quoted(fitting)}",
            f"say which with the option path, e.g. path={fitting[0]}",
        )
    return fitting[0] if fitting else None


def _names_files(rows: Sequence[Row], column: str, index: FileIndex) -> bool:
    """Whether half of a column's first entries are files that are there."""
    entries = [row[column] for row in rows[:_TRIED_ROWS] if row[column]]
    there = sum(isinstance(index.resolve(entry), str) for entry in entries)
    return there > 0 and 2 * there >= len(entries)


def _label(table: str, rows: Sequence[Row], path: str, named: str) -> str:
    columns = list(rows[0])
    if named:
        return named_column(table, columns, named, "label")
    found = label_column(table, rows, path, guess=False)
    if found is None:
        raise DataError(
            f"`{table}` has no column that is called like labels; it has {quoted(columns)}",
            "say which it is with the option label, e.g. label=diagnosis",
        )
    return found


def _split(table: str, rows: Sequence[Row], taken: Sequence[str], named: str) -> str | None:
    if not named:
        return split_column(rows, taken)
    column = named_column(table, list(rows[0]), named, "split")
    check_split(table, rows, column)
    return column


def _no_path(table: str, rows: Sequence[Row], index: FileIndex, base: Path) -> DataError:
    columns = list(rows[0])
    known = known_columns(columns, PATH_NAMES)
    column = known[0] if known else columns[0]
    entry = next((row[column] for row in rows if row[column]), "")
    found = index.resolve(entry)
    why = found.reason if isinstance(found, SetAside) else "too few of its entries are files"
    # Anything else may be the name of a person.
    example = f" (`{entry[:80]}`)" if has_image_suffix(entry) else ""
    names = f"name the column with path=, or the folder of the images with images= (`{base.name}`"
    return DataError(
        f"no column of `{table}` ({quoted(columns)}) names images that are there; the first entry "
        f"of `{column}`{example}: {why}",
        f"{names} was searched)",
    )
