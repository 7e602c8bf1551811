"""Classes from the labels that were found: which, in which order, and which one is positive."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from automedimg.contracts import SplitName
from automedimg.errors import ConfigurationError, DataError
from automedimg_tasks.layout import natural_order
from automedimg_tasks.tables import quoted

MAX_CLASSES = 100
"""Where there are more different labels, they are taken for something else than classes."""

_SPLITS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
# Of two classes, the one called like this comes first: the other is the positive one.
_NEGATIVE = frozenset(
    {"0", "-1", "no", "n", "none", "false", "f", "negative", "neg", "normal", "healthy", "benign"}
    | {"control", "controls", "absent", "clear", "unaffected", "wildtype", "background"}
)
_NEGATIVE_START = re.compile(r"(no|non|not|without|healthy|normal)[\s_-]", re.IGNORECASE)
_UNLABELLED = frozenset({"", "nan", "na", "n/a", "null", "?"})
_WHOLE = re.compile(r"([+-]?\d+)\.0*")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def parse_names(text: str) -> tuple[str, ...]:
    """Read the option ``classes``: names between commas; one that holds a comma is in quotes.

    Raises:
        ConfigurationError: a name is there twice, or there is only one.
    """
    if not text.strip():
        return ()
    fields = next(csv.reader([text.replace("\n", " ")], skipinitialspace=True), [])
    names = tuple(name.strip() for name in fields if name.strip())
    if len(set(names)) < len(names) or len(names) < 2:
        raise ConfigurationError(
            f"option `classes` is `{text}`; expected two or more different names",
            "put commas between the names, e.g. classes=benign,malignant",
        )
    return names


@lru_cache(maxsize=4096)
def parse_label(text: str) -> str | None:
    """Tidy a label up: ``1.0`` is ``1``; None where it says that there is none."""
    text = text.strip()
    whole = _WHOLE.fullmatch(text)
    if whole:
        return whole.group(1)
    return None if text.casefold() in _UNLABELLED else text


def parse_split(text: str) -> SplitName | None:
    """Read the name of a split; None where it is none."""
    return _SPLITS.get(text.strip().casefold())


def choose_classes(
    found: Iterable[str],
    *,
    classes: Sequence[str] = (),
    positive: str = "",
    where: str = "the data",
) -> tuple[str, ...]:
    """Put the classes in order.

    Args:
        found: The labels; each may occur many times.
        classes: Those that the user asked for, in order; others are left out. Empty takes all.
        positive: The one that is to come second, of two.
        where: What the labels are from, for the messages.
    Returns:
        Two names or more: numbers by value, words by natural order. Of two, what sounds negative
        (no, normal, benign, ...) comes first.
    Raises:
        DataError: fewer than two are there, or far too many, or one that was asked for is not.
    """
    labels = set(found)
    if classes:
        _check_there(classes, labels, where)
        ordered = list(classes)
    else:
        _check_number(labels, where)
        ordered = sorted(labels, key=_order)
        if len(ordered) == 2 and _sounds_negative(ordered[1]) > _sounds_negative(ordered[0]):
            ordered.reverse()
    return _with_positive(ordered, positive)


def _check_there(classes: Sequence[str], labels: Collection[str], where: str) -> None:
    there = quoted(sorted(labels, key=_order))
    for name in classes:
        if name not in labels:
            close = difflib.get_close_matches(name, labels, n=1, cutoff=0.6)
            meant = f"did you mean `{close[0]}`? " if close else ""
            raise DataError(
                f"there is no class `{name}` in {where}; it has {there}",
                f"{meant}write the classes as they are there, e.g. classes=benign,malignant",
            )


def _check_number(labels: Collection[str], where: str) -> None:
    if len(labels) < 2:
        only = f"only one class, `{next(iter(labels))}`," if labels else "no class"
        raise DataError(
            f"there is {only} in {where}; expected two or more",
            "a classifier needs images of each class; is a part of the data missing?",
        )
    if len(labels) > MAX_CLASSES:
        raise DataError(
            f"there are {len(labels):,} different labels in {where}; expected at most "
            f"{MAX_CLASSES} classes",
            "is it the wrong column or folder? Else name some, e.g. classes=benign,malignant",
        )


def _with_positive(ordered: list[str], positive: str) -> tuple[str, ...]:
    if not positive:
        return tuple(ordered)
    if positive not in ordered or len(ordered) != 2:
        raise DataError(
            f"option `positive` is `{positive}`; the classes are {quoted(ordered)}",
            "of exactly two classes one can be positive; choose two with classes=NAME,NAME",
        )
    return (next(name for name in ordered if name != positive), positive)


def _order(label: str) -> tuple[bool, float, object]:
    number = _NUMBER.fullmatch(label)
    return (number is None, float(label) if number else 0.0, natural_order(label))


def _sounds_negative(label: str) -> bool:
    return label.casefold() in _NEGATIVE or bool(_NEGATIVE_START.match(label))
