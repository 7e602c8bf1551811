"""What is in a data set, and what a split of it would leak, as plain JSON data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from automedimg.contracts import Record
from automedimg.data.duplicates import connected_groups
from automedimg.data.splits import SPLITS, TEST, IntArray, SplitArray, leaking


def exact_pairs(digests: Sequence[str]) -> IntArray:
    """Pairs of files with the same content, each with the first of its kind; int64 (P, 2)."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(digest, row), row) for row, digest in enumerate(digests)]
    return _as_pairs([pair for pair in pairs if pair[0] != pair[1]])


def patient_pairs(records: Sequence[Record]) -> IntArray:
    """Pairs of images of one patient, each with that patient's first; int64 (P, 2)."""
    first: dict[str, int] = {}
    pairs = [
        (first.setdefault(record.group, row), row)
        for row, record in enumerate(records)
        if record.group is not None
    ]
    return _as_pairs([pair for pair in pairs if pair[0] != pair[1]])


def make_groups(num: int, *pairs: IntArray) -> IntArray:
    """Number the groups that these pairs tie together; int64 (num,)."""
    return connected_groups(num, np.concatenate(pairs))


def describe_data(
    records: Sequence[Record],
    unreadable: Sequence[tuple[str, str]],
    classes: Sequence[str],
    exact: IntArray,
    near: IntArray,
    groups: IntArray,
) -> dict[str, Any]:
    """Count and list what a data set holds.

    Args:
        records: The readable images.
        unreadable: (path, reason) of the others.
        classes: Labels in output order.
        exact: Pairs of identical files.
        near: Pairs of near-duplicates.
        groups: Group of each record.
    Returns:
        ``images``, ``classes``, ``unreadable``, ``duplicates``, ``near_duplicates``,
        ``label_conflicts``, ``groups``, ``images_with_copies``, ``patients``.
    """
    copies = np.concatenate([exact, near])
    patients = {record.group for record in records if record.group is not None}
    labels = [record.label for record in records]
    return {
        "images": len(records),
        "classes": {name: labels.count(name) for name in classes},
        "unreadable": [{"path": path, "reason": reason} for path, reason in unreadable],
        "duplicates": _paths(_sets(records, exact)),
        "near_duplicates": _paths(_sets(records, near)),
        "label_conflicts": _paths(
            same for same in _sets(records, copies) if len({image.label for image in same}) > 1
        ),
        "groups": int(groups.max()) + 1 if len(groups) else 0,
        "images_with_copies": len(np.unique(copies)),
        "patients": len(patients) or None,
    }


def describe_split(
    labels: IntArray, groups: IntArray, splits: SplitArray, classes: Sequence[str], protocol: str
) -> dict[str, Any]:
    """Count a split's sides and what leaks from training and validation into its test side.

    Returns:
        ``splits`` (per side: images, groups, classes) and ``leakage`` (protocol, test_images,
        leaking_images, percent).
    """
    sides = {}
    for index, name in enumerate(SPLITS):
        inside = splits == index
        sides[name] = {
            "images": int(inside.sum()),
            "groups": len(np.unique(groups[inside])),
            "classes": {
                label: int((labels[inside] == number).sum()) for number, label in enumerate(classes)
            },
        }
    leaks = int(leaking(splits, groups).sum())
    total = int((splits == TEST).sum())
    return {
        "splits": sides,
        "leakage": {
            "protocol": protocol,
            "test_images": total,
            "leaking_images": leaks,
            "percent": round(100.0 * leaks / total, 2) if total else 0.0,
        },
    }


def _as_pairs(pairs: Sequence[tuple[int, int]]) -> IntArray:
    return np.asarray(pairs, dtype=np.int64).reshape(-1, 2)


def _sets(records: Sequence[Record], pairs: IntArray) -> list[list[Record]]:
    """The sets of images that pairs tie together."""
    components = connected_groups(len(records), pairs)
    members: dict[int, list[Record]] = defaultdict(list)
    for row in np.unique(pairs):
        members[int(components[row])].append(records[row])
    return list(members.values())


def _paths(sets: Iterable[Sequence[Record]]) -> list[list[str]]:
    return [[record.path for record in records] for records in sets]
