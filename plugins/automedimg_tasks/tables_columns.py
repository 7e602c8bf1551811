"""Which column of a table is what: by well-known names, by options, by what is in it."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence

from automedimg.errors import DataError
from automedimg_tasks.tables import find_column, quoted
from automedimg_tasks.tables_classes import parse_label, parse_split

Row = dict[str, str]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Without anything but letters and digits, the likeliest first.
PATH_NAMES = _words(
    "path filepath imagepath imgpath file filename imagefile imagefilename imgfile image images "
    "imagename imgname img imageindex imageid imgid dicom dicompath dicomfile slide patch tile "
    "picture sampleid id name"
)
LABEL_NAMES = _words(
    "label labels class classes classname classlabel classid target diagnosis diag dx category "
    "outcome groundtruth gt grade disease condition pathology finding y"
)
GROUP_NAMES = _words(
    "patient patientid patientnumber patientname pid subject subjectid participant participantid "
    "person personid case caseid lesionid examid examinationid studyid accession group groupid"
)
SPLIT_NAMES = _words("split set subset partition fold phase usage")

_FEW = 20


def plain(name: str) -> str:
    """Letters and digits of a column's name, in lower case: ``Image ID`` is ``imageid``."""
    return re.sub(r"[\W_]", "", name.casefold())


def known_columns(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Columns that are called like one of `names`, in the order of `names`."""
    by_name = {plain(column): column for column in reversed(columns)}
    return [by_name[name] for name in names if name in by_name]


def named_column(table: str, columns: Sequence[str], name: str, option: str) -> str:
    """Return the column that an option names.

    Raises:
        DataError: the table has none of that name.
    """
    column = find_column(columns, name)
    if column is None:
        close = difflib.get_close_matches(name, columns, n=1)
        raise DataError(
            f"option `{option}` is `{name}`; `{table}` has the columns {quoted(columns)}",
            f"did you mean {option}={close[0]}?" if close else "write it as in the header line",
        )
    return column


def label_column(table: str, rows: Sequence[Row], key: str, guess: bool) -> str | None:
    """Find the column of labels where no option names it.

    Args:
        table: The file's name, for the message.
        rows: The table's.
        key: The column that names the images.
        guess: Take also a column of another name, if it is the only one that can be it: few
            different values, each of them more than once.
    Returns:
        None if there is none.
    Raises:
        DataError: there are several.
    """
    columns = [column for column in rows[0] if column != key]
    found = known_columns(columns, LABEL_NAMES)
    if not found and guess:
        others = known_columns(columns, (*GROUP_NAMES, *SPLIT_NAMES, *PATH_NAMES))
        columns = [column for column in columns if column not in others]
        found = columns if len(columns) == 1 else [c for c in columns if _is_like_labels(rows, c)]
    if len(found) > 1:
        raise DataError(
            f"`{table}` has several columns that could be the label: {quoted(found)}",
            f"say which with the option label, e.g. label={found[0]}",
        )
    return found[0] if found else None


def group_column(columns: Sequence[str], taken: Sequence[str]) -> str | None:
    """Find the column that tells patients apart; the coarsest where there are several."""
    free = [column for column in columns if column not in taken]
    return next(iter(known_columns(free, GROUP_NAMES)), None)


def split_column(rows: Sequence[Row], taken: Sequence[str]) -> str | None:
    """Find a column of nothing but train, validation and test, with two of them or more."""
    free = [column for column in rows[0] if column not in taken]
    for column in known_columns(free, SPLIT_NAMES):
        values = {row[column] for row in rows} - {""}
        sides = {parse_split(value) for value in values}
        if None not in sides and len(sides) > 1:
            return column
    return None


def check_split(table: str, rows: Sequence[Row], column: str) -> None:
    """Raise unless a column that the user named as the split has sides in it.

    Raises:
        DataError: it has other values, or no training images.
    """
    values = {row[column] for row in rows} - {""}
    strange = sorted(value for value in values if parse_split(value) is None)
    if strange or "train" not in {parse_split(value) for value in values}:
        what = quoted(strange or sorted(values)) or "nothing"
        raise DataError(
            f"column `{column}` of `{table}` holds {what}; expected train, val or test",
            "leave the option split out, and the patients are split for you",
        )


def _is_like_labels(rows: Sequence[Row], column: str) -> bool:
    """Whether a column has few different values, each of them more than once."""
    counts = Counter(label for row in rows if (label := parse_label(row[column])) is not None)
    return 2 <= len(counts) <= _FEW and min(counts.values()) > 1
