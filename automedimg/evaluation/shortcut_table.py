"""Metadata columns as numbers that trees can split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import DataError

Column = Sequence[float | str | None]

MOST_CATEGORIES = 30
"""Of a column of texts; the rarer ones are taken together."""

_OTHER = 0.0
_MISSING = -1.0


@dataclass(frozen=True, slots=True)
class MetadataTable:
    """The columns that vary, one row an image.

    Args:
        names: Of the columns, in the order in which they were given.
        values: float array, shape (N, C): ranks of the distinct values in [0, 1], so that neither
            outliers nor units matter; -1 where a value is missing.
        constant: Names of the columns that hold one value throughout.
    """

    names: tuple[str, ...]
    values: FloatArray
    constant: tuple[str, ...]


def metadata_table(
    columns: Mapping[str, Column], rows: IntArray, groups: IntArray
) -> MetadataTable:
    """Turn some rows of metadata columns into a table.

    A column with a text in it is a column of categories, numbered from the most frequent one.
    A category that a single group shows can say nothing about others (a patient's name is one):
    such categories are one, with those beyond `MOST_CATEGORIES`. That a value is missing is
    information too, so a column of one value and gaps varies.

    Args:
        columns: Values by name; None is missing, and so is NaN.
        rows: int array, shape (N,): the images wanted.
        groups: int array, shape (N,): the group of each of these.
    Raises:
        DataError: a value is neither a number nor text nor None.
    """
    names, arrays, constant = [], [], []
    for name, column in columns.items():
        values = _numbers(name, [column[row] for row in rows.tolist()], groups)
        if _varies(values):
            names.append(name)
            arrays.append(_ranks(values))
        else:
            constant.append(name)
    stacked = np.column_stack(arrays) if arrays else np.empty((len(rows), 0))
    return MetadataTable(tuple(names), stacked, tuple(constant))


def _numbers(name: str, values: Sequence[object], groups: IntArray) -> FloatArray:
    if any(isinstance(value, str) for value in values):
        texts = [None if _is_missing(value) else str(value) for value in values]
        return _categories(texts, groups)
    for value in values:
        if not (value is None or isinstance(value, Real | np.bool_)):
            raise DataError(
                f"the metadata column `{name}` holds a {type(value).__name__}; "
                "expected numbers, texts or None"
            )
    return np.asarray([math.nan if v is None else float(v) for v in values])  # type: ignore[arg-type]


def _categories(texts: Sequence[str | None], groups: IntArray) -> FloatArray:
    """Number the categories from 1, the one that most groups show first; 0 is all others."""
    shown = {pair for pair in zip(texts, groups.tolist(), strict=True) if pair[0] is not None}
    num_groups: dict[str, int] = {}
    for text, _ in shown:
        if text is not None:
            num_groups[text] = num_groups.get(text, 0) + 1
    frequent = sorted(
        (text for text, number in num_groups.items() if number > 1),
        key=lambda text: (-num_groups[text], text),
    )
    codes = {text: float(place + 1) for place, text in enumerate(frequent[:MOST_CATEGORIES])}
    return np.asarray([math.nan if t is None else codes.get(t, _OTHER) for t in texts])


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _varies(values: FloatArray) -> bool:
    missing: npt.NDArray[np.bool_] = np.isnan(values)
    known = values[~missing]
    if not known.size:
        return False
    return bool(missing.any() or known.min() < known.max())


def _ranks(values: FloatArray) -> FloatArray:
    missing = np.isnan(values)
    ranked = np.full(len(values), _MISSING)
    distinct, places = np.unique(values[~missing], return_inverse=True)
    ranked[~missing] = places / max(len(distinct) - 1, 1)
    return ranked
