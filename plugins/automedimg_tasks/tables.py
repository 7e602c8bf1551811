"""Tables of labels: any usual delimiter and encoding, and a clear word where one fails."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from automedimg.errors import DataError

if TYPE_CHECKING:
    import _csv

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED_ROWS = 25
_MAX_BYTES = 2**29
_AS_TEXT = "save it as CSV in UTF-8: a header line, then one row an image"


def read_table(
    path: Path, required: Sequence[str] = (), *, limit: int | None = None
) -> list[dict[str, str]]:
    """Read a table with a header line.

    Comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252; a field in quotes may hold line
    breaks. Empty lines are skipped, space around names and values is removed.

    Args:
        path: Of a csv or tsv file.
        required: Columns that must be there; upper and lower case are the same.
        limit: Read no more than this many rows.
    Returns:
        One dict a row, at least one, by column in the file's order. A required column has the name
        that it was asked for by; a column without a name is called ``column N``, from 1.
    Raises:
        DataError: it can't be read, has no rows, columns are missing or occur twice, or a row has
            more or fewer fields than the header.
    """
    rows = _rows(path.name, _text(path))
    first = next(rows, None)
    if first is None:
        raise DataError(f"`{path.name}` is empty; expected a table with a header line", _AS_TEXT)
    columns = _columns(path.name, first[1], required)
    table = [_row(path.name, columns, line, row) for line, row in islice(rows, limit)]
    if not table:
        raise DataError(f"`{path.name}` has a header line and no rows", _AS_TEXT)
    return table


def find_column(columns: Sequence[str], name: str) -> str | None:
    """Find a column by its name, whatever upper and lower case; None if it isn't there."""
    wanted = name.strip().casefold()
    return next((column for column in columns if column.casefold() == wanted), None)


def quoted(names: Sequence[str], most: int = 12) -> str:
    """Join names for a message: each in backquotes, the rest counted."""
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise DataError(
                f"`{path.name}` has {size / 2**20:,.0f} MB; expected a table below 512 MB",
                "keep only the columns and rows that are needed",
            )
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"can't read `{path.name}`: {error.strerror or error}",
            "check that the file is there and may be read",
        ) from error
    return _decode(path.name, data)


def _decode(name: str, data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in data:
        raise DataError(f"`{name}` has NUL bytes: not a text file; expected a table", _AS_TEXT)
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"`{name}` is damaged: it says that it is UTF-16 and isn't", _AS_TEXT)


def _rows(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each line that isn't empty."""
    reader = _reader(text, _delimiter(text))
    try:
        for row in reader:
            if any(field and not field.isspace() for field in row):
                yield reader.line_num, [field.strip() for field in row]
    except csv.Error as error:
        raise DataError(
            f"`{name}`, line {reader.line_num}: {error}",
            "look for a quotation mark that is opened and never closed",
        ) from error


def _reader(text: str, delimiter: str) -> _csv.Reader:
    # newline="" leaves line breaks inside quotes as they are.
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)


def _delimiter(text: str) -> str:
    """The delimiter that gives most columns, the same number in each of the first rows."""
    best, most = "", 1
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in islice(_reader(text, delimiter), _SNIFFED_ROWS) if row]
        except csv.Error:
            continue
        counts = {len(row) for row in rows}
        if len(counts) == 1 and len(rows[0]) > most:
            best, most = delimiter, len(rows[0])
    # No agreement: the header decides, and the row that differs is named later.
    header = next(iter(text.lstrip().splitlines()), "")
    return best or max(_DELIMITERS, key=header.count)


def _columns(name: str, header: list[str], required: Sequence[str]) -> list[str]:
    columns = [column or f"column {number}" for number, column in enumerate(header, 1)]
    seen: dict[str, int] = {}
    for number, column in enumerate(columns):
        if column.casefold() in seen:
            raise DataError(
                f"`{name}` has the column `{column}` twice; expected each name once",
                "rename or remove one of them",
            )
        seen[column.casefold()] = number
    missing = [column for column in required if column.strip().casefold() not in seen]
    if missing:
        raise DataError(
            f"`{name}` has no column {quoted(missing)}; it has {quoted(columns)}",
            "check the header line; it must be the first line of the file",
        )
    for column in required:
        columns[seen[column.strip().casefold()]] = column
    return columns


def _row(name: str, columns: list[str], line: int, row: list[str]) -> dict[str, str]:
    extra = row[len(columns) :]
    if len(row) < len(columns) or any(extra):
        raise DataError(
            f"`{name}`, line {line}: {len(row)} fields; the header has {len(columns)} columns",
            "put a field that holds the delimiter into quotation marks",
        )
    return dict(zip(columns, row, strict=False))
