"""What a data set holds and what a split of it leaks, in numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from automedimg.contracts import Record, SetAside
from automedimg.data.audit import EXAMPLES, describe_data, describe_files, describe_split
from automedimg.data.duplicates import connected_groups
from automedimg.data.grouping import Grouping
from automedimg.data.reading import FLAGS
from automedimg.data.scan import Scan

Pairs = list[tuple[int, int]]


def grouping(num: int, exact: Pairs = [], near: Pairs = [], patients: Pairs = []) -> Grouping:  # noqa: B006
    """So many images with these ties."""
    ties = [np.array(pairs, np.int64).reshape(-1, 2) for pairs in (exact, near, patients)]
    return Grouping(*ties, connected_groups(num, np.concatenate(ties)))


def records_of(*labels: str) -> list[Record]:
    return [Record(f"{i}.png", label) for i, label in enumerate(labels)]


def test_a_conflict_is_a_set_of_copies_with_several_labels() -> None:
    records = records_of("no", "no", "yes", "yes")
    tied = grouping(4, [(0, 1)], [(1, 2)])
    found = describe_data(records, [SetAside("x.png", "torn")], ("no", "yes"), tied)
    assert found["label_conflicts"] == [["0.png", "1.png", "2.png"]]
    assert found["labels_of"] == {"0.png": "no", "1.png": "no", "2.png": "yes"}
    assert found["duplicates"] == [["0.png", "1.png"]]
    assert found["near_duplicates"] == [["1.png", "2.png"]]
    assert found["images_with_copies"] == 3
    assert found["groups"] == 2
    assert found["unreadable"] == [{"path": "x.png", "reason": "torn"}]


def test_one_patient_with_two_labels_is_no_conflict_but_is_told() -> None:
    records = [Record("a.png", "no", "p"), Record("b.png", "yes", "p"), Record("c.png", "no", "q")]
    found = describe_data(records, [], ("no", "yes"), grouping(3, patients=[(0, 1)]))
    assert found["label_conflicts"] == []
    assert found["patients"] == 2
    assert found["patients_with_several_labels"] == 1
    assert found["groups"] == 2


def test_parts_of_a_file_are_named() -> None:
    records = [Record("all.npz", "no", part=f"images/{row}") for row in range(2)]
    found = describe_data(records, [], ("no", "yes"), grouping(2, [(0, 1)]))
    assert found["duplicates"] == [["all.npz#images/0", "all.npz#images/1"]]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("no", "yes", "no", "no"), {"ratio": 3.0, "largest": "no", "smallest": "yes"}),
        (("yes", "no"), {"ratio": 1.0, "largest": "no", "smallest": "no"}),
    ],
)
def test_imbalance_is_the_largest_class_over_the_smallest(
    labels: tuple[str, ...], expected: dict[str, Any]
) -> None:
    found = describe_data(records_of(*labels), [], ("no", "yes"), grouping(len(labels)))
    assert found["imbalance"] == expected


def test_a_split_is_counted_by_side_class_and_group() -> None:
    labels = np.array([0, 0, 1, 1, 0, 1])
    tied = grouping(6, exact=[(0, 1)], patients=[(2, 5)])
    splits = np.array([0, 0, 0, 1, 2, 2], np.int8)
    records = records_of(*("no" if label == 0 else "yes" for label in labels))
    found = describe_split(records, labels, tied, splits, ("no", "yes"), "random")
    assert found["splits"]["train"] == {
        "images": 3,
        "groups": 2,
        "classes": {"no": 2, "yes": 1},
    }
    assert found["splits"]["test"]["classes"] == {"no": 1, "yes": 1}
    assert found["leakage"] == {
        "protocol": "random",
        "test_images": 2,
        "leaking_images": 1,
        "percent": 50.0,
        "torn_groups": 1,
        "torn_patients": 1,
    }


def test_a_copy_on_both_sides_of_training_tears_a_group_and_leaks_nothing() -> None:
    splits = np.array([0, 1, 2, 2], np.int8)
    records = records_of("no", "no", "yes", "no")
    found = describe_split(
        records, np.array([0, 0, 1, 0]), grouping(4, [(0, 1)]), splits, ("no", "yes"), "random"
    )
    assert found["leakage"]["leaking_images"] == 0
    assert found["leakage"]["torn_groups"] == 1
    assert found["leakage"]["torn_patients"] == 0


def scan(num: int, flags: dict[int, tuple[str, ...]] | None = None, **columns: Any) -> Scan:
    """A table of so many even PNGs, with these columns instead."""
    plain: dict[str, Any] = {"width": 80, "height": 60, "bits": 8, "low": 0, "high": 255}
    plain |= {"darkest": 3, "brightest": 250, "mean": 100, "blank": 0}
    numbers = {
        name: np.broadcast_to(np.asarray(value, np.float32), (num,))
        for name, value in {**plain, **columns}.items()
    }
    codes = np.zeros(num, np.int32)
    texts = {"mode": (codes, ("L",)), "format": (codes, ("PNG",)), "compression": (codes, ("",))}
    return Scan(("",) * num, {}, flags or {}, numbers, texts)


def test_files_are_counted_by_kind() -> None:
    found = describe_files(records_of("no", "no", "yes"), scan(3), np.arange(3))
    assert found["modes"] == {"L": 3}
    assert found["formats"] == {"PNG": 3}
    assert found["bits"] == {"8": 3}
    assert found["compressions"] == {"none": 3}
    assert found["sizes"]["smallest"] == found["sizes"]["median"] == [80, 60]
    assert found["sizes"]["common"] == [{"width": 80, "height": 60, "images": 3}]
    assert found["intensity"] == {
        "darkest": 3.0,
        "brightest": 250.0,
        "mean": 100.0,
        "stored": [0.0, 255.0],
    }
    assert found["blank"] == found["warnings"] == []
    json.dumps(found, allow_nan=False)


def test_sizes_are_ordered_by_area() -> None:
    table = scan(4, width=[10, 500, 100, 100], height=[300, 10, 90, 90])
    sizes = describe_files(records_of(*["no"] * 4), table, np.arange(4))["sizes"]
    assert sizes["smallest"] == [10, 300]
    assert sizes["largest"] == [100, 90]
    assert sizes["distinct"] == 3
    assert sizes["common"][0] == {"width": 100, "height": 90, "images": 2}


def test_only_the_readable_rows_count() -> None:
    table = scan(4, width=[7, np.nan, 9, 8], blank=[0, np.nan, 1, 0])
    records = [Record(f"{row}.png", "no") for row in (0, 2, 3)]
    found = describe_files(records, table, np.array([0, 2, 3]))
    assert found["sizes"]["largest"] == [9, 60]
    assert found["blank"] == ["2.png"]


def test_warnings_name_some_of_the_images() -> None:
    num = EXAMPLES + 5
    flags = dict.fromkeys(range(num), ("burned-in",)) | {0: ("burned-in", "secondary-capture")}
    found = describe_files(records_of(*["no"] * num), scan(num, flags), np.arange(num))
    burned, captured = found["warnings"]
    assert (burned["code"], burned["images"]) == ("burned-in", num)
    assert burned["text"] == FLAGS["burned-in"]
    assert len(burned["examples"]) == EXAMPLES
    assert captured["examples"] == ["0.png"]
