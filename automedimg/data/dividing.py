"""Which way a data set is split: as asked, as published, or leak-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from automedimg.contracts import DatasetSpec, Record
from automedimg.data import splits
from automedimg.data.folds import fold_splits, nested_splits
from automedimg.data.grouping import Copies, Grouping, find_groups
from automedimg.data.split_files import read_splits_csv
from automedimg.data.split_given import external_split, published_split
from automedimg.data.splits import IntArray, SplitArray
from automedimg.errors import ConfigurationError, DataError

Protocol = Literal["grouped", "published", "upright", "random"]
"""How to split: leak-free; as the publisher did; blind to turned copies; blind to all groups."""

PROTOCOLS: tuple[str, ...] = get_args(Protocol)


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """How to split a data set.

    Args:
        protocol: One of `PROTOCOLS`; None takes the publisher's split where there is one, else
            ``grouped``.
        seed: The same seed gives the same split.
        file: A table of the sides, as `PreparedData.splits_csv` writes it.
        external: Another folder, whose images are the test side.
    Raises:
        ConfigurationError: the protocol is unknown, or two ways exclude each other.
    """

    protocol: str | None = None
    seed: int = 0
    file: Path | None = None
    external: Path | None = None

    def __post_init__(self) -> None:
        if self.protocol is not None and self.protocol not in PROTOCOLS:
            raise ConfigurationError(
                f"unknown protocol `{self.protocol}`; expected one of {', '.join(PROTOCOLS)}"
            )
        if sum(way is not None for way in (self.protocol, self.file, self.external)) > 1:
            raise ConfigurationError(
                "a protocol, a file of splits and an external test folder exclude each other",
                "give one of --protocol, --splits and --external-test",
            )


def divide(
    how: SplitRequest,
    spec: DatasetSpec,
    records: Sequence[Record],
    labels: IntArray,
    digests: Sequence[str],
    copies: Copies,
    grouping: Grouping,
    external: npt.NDArray[np.bool_],
) -> tuple[SplitArray, str]:
    """Split a data set.

    Args:
        how: The way.
        spec: Its classes and fractions count.
        records: The images.
        labels: Class index of each, int64 (N,).
        digests: Hash of each one's content.
        copies: The near-copies among them.
        grouping: What must not be torn apart.
        external: Which images come from the external folder, bool (N,).
    Returns:
        The side of each image, int8 (N,), and the name of the way that was taken: a protocol,
        ``file`` or ``external``.
    Raises:
        DataError: a class can't be spread, the file of splits does not fit, or the publisher's
            split is asked for where there is none.
    """
    groups, names = grouping.groups, spec.classes
    test, validation = spec.test_fraction, spec.validation_fraction
    fractions = (1.0 - test - validation, validation, test)
    if how.file is not None:
        listed = read_splits_csv(how.file, [record.name for record in records])
        return published_split(listed, labels, groups, fractions, how.seed, names), "file"
    if how.external is not None:
        share = validation / (1.0 - test)
        return external_split(external, labels, groups, share, how.seed, names), "external"
    protocol = how.protocol or ("published" if _is_published(records) else "grouped")
    if protocol == "published":
        if not _is_published(records):
            raise DataError(
                f"no split of task `{spec.name}` was published with these images",
                "leave --protocol out: the default keeps patients and copies on one side",
            )
        given = [record.split for record in records]
        return published_split(given, labels, groups, fractions, how.seed, names), protocol
    if protocol == "random":
        return splits.random_split(labels, fractions, how.seed, names), protocol
    if protocol == "upright":
        groups = find_groups(records, digests, copies, "none").groups
    return splits.grouped_split(labels, groups, fractions, how.seed, names), protocol


def divide_in_folds(
    how: SplitRequest,
    spec: DatasetSpec,
    labels: IntArray,
    groups: IntArray,
    num_folds: int,
    inner_folds: int | None,
) -> dict[str, SplitArray]:
    """Split a data set for cross-validation.

    Args:
        how: Its seed counts.
        spec: Its classes and fractions count.
        labels: Class index of each image, int64 (N,).
        groups: Group of each image, int64 (N,).
        num_folds: At least 2; each is the test side once.
        inner_folds: Each is the validation side once, of every outer fold; None carves one
            validation side out of each outer fold's rest.
    Returns:
        The sides by name: ``-1``, ``-2``, ... or ``-1-1``, ``-1-2``, ...
    Raises:
        DataError: a class can't be spread over the folds.
        ConfigurationError: folds are asked for beside another way to split.
    """
    if how.protocol not in (None, "grouped") or how.external is not None:
        raise ConfigurationError(
            "folds are made by groups of the whole data set",
            "leave --protocol and --external-test out",
        )
    names = spec.classes
    if inner_folds is None:
        share = spec.validation_fraction / (1.0 - spec.test_fraction)
        outer = fold_splits(labels, groups, num_folds, how.seed, names, share)
        return {f"-{number}": sides for number, sides in enumerate(outer, start=1)}
    nested = nested_splits(labels, groups, num_folds, inner_folds, how.seed, names)
    return {
        f"-{number}-{inner}": sides
        for number, group in enumerate(nested, start=1)
        for inner, sides in enumerate(group, start=1)
    }


def _is_published(records: Sequence[Record]) -> bool:
    """Whether there are sides: a publisher's training images alone, say, are no split."""
    return any(record.split not in (None, "train") for record in records)
