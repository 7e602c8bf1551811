"""Which images belong together, and how that is counted."""

from __future__ import annotations

import numpy as np

from automedimg.contracts import Record
from automedimg.data.audit import (
    describe_data,
    describe_split,
    exact_pairs,
    make_groups,
    patient_pairs,
)

NONE = np.empty((0, 2), np.int64)


def test_equal_files_are_paired_with_the_first_of_their_kind() -> None:
    assert exact_pairs(["a", "b", "a", "c", "a", "b"]).tolist() == [[0, 2], [0, 4], [1, 5]]
    assert exact_pairs([]).shape == (0, 2)


def test_patients_tie_their_images_and_the_unknown_stay_alone() -> None:
    groups = [None, "p1", "p2", "p1", None, "p2"]
    records = [Record(f"{i}.png", "no", group) for i, group in enumerate(groups)]
    pairs = patient_pairs(records)
    assert pairs.tolist() == [[1, 3], [2, 5]]
    assert make_groups(6, pairs).tolist() == [0, 1, 2, 1, 3, 2]


def test_ties_of_every_kind_add_up() -> None:
    first, second = np.array([[0, 2], [3, 4]]), np.array([[2, 3]])
    assert make_groups(6, first, second).tolist() == [0, 1, 0, 0, 0, 2]
    assert make_groups(3, NONE, NONE).tolist() == [0, 1, 2]


def test_a_conflict_is_a_set_of_copies_with_several_labels() -> None:
    records = [Record(f"{i}.png", label) for i, label in enumerate(["no", "no", "yes", "yes"])]
    exact, near = np.array([[0, 1]]), np.array([[1, 2]])
    groups = make_groups(4, exact, near)
    found = describe_data(records, [("x.png", "torn")], ("no", "yes"), exact, near, groups)
    assert found["label_conflicts"] == [["0.png", "1.png", "2.png"]]
    assert found["duplicates"] == [["0.png", "1.png"]]
    assert found["near_duplicates"] == [["1.png", "2.png"]]
    assert found["images_with_copies"] == 3
    assert found["groups"] == 2
    assert found["unreadable"] == [{"path": "x.png", "reason": "torn"}]


def test_one_patient_with_two_labels_is_no_conflict() -> None:
    records = [Record("a.png", "no", "p"), Record("b.png", "yes", "p")]
    groups = make_groups(2, patient_pairs(records))
    found = describe_data(records, [], ("no", "yes"), NONE, NONE, groups)
    assert found["label_conflicts"] == []
    assert found["patients"] == 1
    assert found["groups"] == 1


def test_a_split_is_counted_by_side_class_and_group() -> None:
    labels, groups = np.array([0, 0, 1, 1, 0, 1]), np.array([0, 0, 1, 2, 3, 1])
    splits = np.array([0, 0, 0, 1, 2, 2], np.int8)
    found = describe_split(labels, groups, splits, ("no", "yes"), "random")
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
    }
