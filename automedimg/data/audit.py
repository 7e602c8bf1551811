"""What is in a data set, and what a split of it would leak, as plain JSON data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from automedimg.contracts import Record, SetAside
from automedimg.data.duplicates import connected_groups
from automedimg.data.grouping import Grouping
from automedimg.data.reading import FLAGS
from automedimg.data.scan import Scan
from automedimg.data.splits import SPLITS, TEST, IntArray, SplitArray, leaking, torn

EXAMPLES = 20
"""Images that a warning names at most."""


def describe_data(
    records: Sequence[Record],
    set_aside: Sequence[SetAside],
    classes: Sequence[str],
    grouping: Grouping,
) -> dict[str, Any]:
    """Count and list what a data set holds.

    Args:
        records: The readable images.
        set_aside: The others.
        classes: Labels in output order.
        grouping: What ties the images together.
    Returns:
        ``images``, ``classes``, ``imbalance``, ``unreadable``, ``duplicates``,
        ``near_duplicates``, ``label_conflicts``, ``labels_of``, ``groups``,
        ``images_with_copies``, ``patients``, ``patients_with_several_labels``.
    """
    counts = Counter(record.label for record in records)
    conflicts = [
        same for same in _sets(records, grouping.copies) if len({r.label for r in same}) > 1
    ]
    groups = grouping.groups
    labels_of_patients: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.group is not None:
            labels_of_patients[record.group].add(record.label)
    return {
        "images": len(records),
        "classes": {name: counts[name] for name in classes},
        "imbalance": _imbalance(counts, classes),
        "unreadable": [{"path": aside.path, "reason": aside.reason} for aside in set_aside],
        "duplicates": _names(_sets(records, grouping.exact)),
        "near_duplicates": _names(_sets(records, grouping.near)),
        "label_conflicts": _names(conflicts),
        "labels_of": {record.name: record.label for same in conflicts for record in same},
        "groups": int(groups.max()) + 1 if len(groups) else 0,
        "images_with_copies": len(np.unique(grouping.copies)),
        "patients": len(labels_of_patients) or None,
        "patients_with_several_labels": sum(len(of) > 1 for of in labels_of_patients.values()),
    }


def describe_files(records: Sequence[Record], scan: Scan, rows: IntArray) -> dict[str, Any]:
    """Count what the files are like.

    Args:
        records: The readable images.
        scan: The table of all images.
        rows: The row of each record in it.
    Returns:
        ``sizes``, ``modes``, ``formats``, ``bits``, ``compressions``, ``intensity``, ``blank``,
        ``warnings``.
    """
    numbers = {name: column[rows] for name, column in scan.numbers.items()}
    blank = np.flatnonzero(numbers["blank"] > 0)
    return {
        "sizes": _sizes(numbers["width"].astype(int), numbers["height"].astype(int)),
        "modes": _counted(scan.text("mode", rows)),
        "formats": _counted(scan.text("format", rows)),
        "bits": _counted(str(int(bits)) for bits in numbers["bits"]),
        "compressions": _counted(scan.text("compression", rows)),
        "intensity": {
            "darkest": round(float(np.median(numbers["darkest"])), 1),
            "brightest": round(float(np.median(numbers["brightest"])), 1),
            "mean": round(float(numbers["mean"].mean()), 1),
            "stored": [float(numbers["low"].min()), float(numbers["high"].max())],
        },
        "blank": [records[row].name for row in blank.tolist()],
        "warnings": _warnings(records, scan, rows),
    }


def describe_split(
    records: Sequence[Record],
    labels: IntArray,
    grouping: Grouping,
    splits: SplitArray,
    classes: Sequence[str],
    protocol: str,
) -> dict[str, Any]:
    """Count a split's sides and what leaks from training and validation into its test side.

    Returns:
        ``splits`` (per side: images, groups, classes) and ``leakage`` (protocol, test_images,
        leaking_images, percent, torn_groups, torn_patients).
    """
    groups = grouping.groups
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
    patients = connected_groups(len(records), grouping.patients)
    return {
        "splits": sides,
        "leakage": {
            "protocol": protocol,
            "test_images": total,
            "leaking_images": leaks,
            "percent": round(100.0 * leaks / total, 2) if total else 0.0,
            "torn_groups": len(torn(splits, groups)),
            "torn_patients": len(torn(splits, patients)),
        },
    }


def _imbalance(counts: Counter[str], classes: Sequence[str]) -> dict[str, Any]:
    largest = max(classes, key=lambda name: counts[name])
    smallest = min(classes, key=lambda name: counts[name])
    ratio = counts[largest] / max(counts[smallest], 1)
    return {"ratio": round(ratio, 2), "largest": largest, "smallest": smallest}


def _sizes(width: IntArray, height: IntArray) -> dict[str, Any]:
    order = np.argsort(width * height, kind="stable")
    common = Counter(zip(width.tolist(), height.tolist(), strict=True))

    def at(position: int) -> list[int]:
        return [int(width[order[position]]), int(height[order[position]])]

    return {
        "smallest": at(0),
        "median": at(len(order) // 2),
        "largest": at(-1),
        "distinct": len(common),
        "common": [
            {"width": w, "height": h, "images": number}
            for (w, h), number in sorted(common.items(), key=lambda item: (-item[1], item[0]))[:8]
        ],
    }


def _counted(values: Iterable[str | None]) -> dict[str, int]:
    counts = Counter(value or "none" for value in values)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _warnings(records: Sequence[Record], scan: Scan, rows: IntArray) -> list[dict[str, Any]]:
    flagged: dict[str, list[str]] = defaultdict(list)
    if scan.flags:
        for record, row in zip(records, rows.tolist(), strict=True):
            for flag in scan.flags.get(row, ()):
                flagged[flag].append(record.name)
    return [
        {"code": flag, "text": FLAGS[flag], "images": len(names), "examples": names[:EXAMPLES]}
        for flag, names in sorted(flagged.items())
    ]


def _sets(records: Sequence[Record], pairs: IntArray) -> list[list[Record]]:
    """The sets of images that pairs tie together."""
    components = connected_groups(len(records), pairs)
    members: dict[int, list[Record]] = defaultdict(list)
    for row in np.unique(pairs):
        members[int(components[row])].append(records[row])
    return list(members.values())


def _names(sets: Iterable[Sequence[Record]]) -> list[list[str]]:
    return [[record.name for record in records] for records in sets]
