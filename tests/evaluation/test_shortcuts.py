"""Metadata that give the class away are found, and those that don't are not accused."""

from __future__ import annotations

import json
import math
import multiprocessing
import threading

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from automedimg.errors import DataError, MetricUndefinedError
from automedimg.evaluation.shortcut_folds import deal_folds, groups_per_class, sample_rows
from automedimg.evaluation.shortcut_model import out_of_fold_neighbours, ranked_auc, ranks
from automedimg.evaluation.shortcut_table import metadata_table
from automedimg.evaluation.shortcuts import find_shortcuts


def images(num=300, each=3, classes=2, seed=0):
    """Labels, groups and a generator; every group is of one class."""
    labels = np.repeat(np.arange(num // each) % classes, each)
    return labels, np.repeat(np.arange(num // each), each), np.random.default_rng(seed)


def noise(rng, num, columns=3):
    return {f"noise {index}": rng.normal(size=num).tolist() for index in range(columns)}


def test_a_column_that_goes_with_the_class_is_found_and_named():
    labels, groups, rng = images()
    columns = noise(rng, 300) | {"width": (200 + 40 * labels + rng.normal(0, 15, 300)).tolist()}
    found = find_shortcuts(columns, labels, groups, 2)
    assert found["columns"][0]["name"] == "width"
    assert found["carried_by"] == ["width"]
    assert found["level"] == "strong"
    assert found["auc"]["low"] > 0.85
    assert "`width`" in found["verdict"]
    json.dumps(found, allow_nan=False)


def test_two_columns_that_only_speak_together_are_both_named():
    labels, groups, rng = images(600, 1)
    first = rng.integers(0, 2, 600)
    columns = {"kernel": first.tolist(), "mode": (first ^ labels).tolist()} | noise(rng, 600, 1)
    found = find_shortcuts(columns, labels, groups, 2)
    assert set(found["carried_by"]) >= {"kernel", "mode"}
    assert found["auc"]["value"] > 0.95
    assert all(column["auc"] < 0.65 for column in found["columns"])


def test_a_text_column_is_read_as_categories():
    labels, groups, rng = images()
    scanners = np.where(rng.random(300) < 0.9, labels, 1 - labels)
    columns = {"scanner": [("Siemens", "GE")[scanner] for scanner in scanners]}
    found = find_shortcuts(columns, labels, groups, 2)
    assert 0.8 < found["auc"]["value"] < 0.97
    assert found["level"] in ("clear", "strong")


def test_that_a_value_is_missing_can_give_the_class_away():
    labels, groups, _ = images()
    columns = {"KVP": [120.0 if label else None for label in labels]}
    found = find_shortcuts(columns, labels, groups, 2)
    assert found["auc"]["value"] == 1.0
    # Every resample agrees, so there is no interval, but no doubt either.
    assert found["auc"]["low"] is None
    assert found["level"] == "strong"


def test_noise_is_not_accused():
    levels = []
    for seed in range(5):
        labels, groups, rng = images(90, 3, seed=seed)
        found = find_shortcuts(noise(rng, 90, 1), labels, groups, 2, seed=seed)
        levels.append(found["level"])
        if found["level"] == "none":
            assert found["carried_by"] == []
            assert "No shortcut is shown" in found["verdict"]
    assert levels.count("none") >= 4  # a 95 % interval may err now and then


def test_a_groups_own_values_say_nothing_about_other_groups():
    labels, groups, rng = images(300, 10)
    per_group = rng.normal(size=30)[groups]
    columns = {"weight": per_group.tolist(), "name": [f"patient {group}" for group in groups]}
    found = find_shortcuts(columns, labels, groups, 2)
    assert found["level"] == "none"
    assert found["auc_random_split"] > 0.95  # what a split that ignores patients would believe
    assert "name" in found["constant"]


def test_several_classes_are_judged_one_against_the_rest():
    labels, groups, rng = images(360, 3, classes=4)
    columns = {"size": (labels + rng.normal(0, 0.1, 360)).tolist()}
    found = find_shortcuts(columns, labels, groups, 4)
    assert found["auc"]["value"] > 0.97


def test_few_images_give_wide_intervals_and_say_so():
    labels, groups, rng = images(44, 4)
    found = find_shortcuts(noise(rng, 44, 2), labels, groups, 2)
    assert found["folds"] == 5
    assert found["auc"]["high"] - found["auc"]["low"] > 0.2
    assert "too few" in found["verdict"]


def test_folds_are_fewer_where_a_class_has_few_groups():
    labels = np.array([0] * 30 + [1] * 6)
    groups = np.concatenate([np.arange(30), np.repeat([30, 31, 32], 2)])
    found = find_shortcuts({"width": [float(v) for v in range(36)]}, labels, groups, 2)
    assert found["folds"] == 3
    assert found["auc"]["value"] > 0.8


@pytest.mark.parametrize(
    ("columns", "labels", "groups", "words"),
    [
        ({"width": [28.0] * 6}, [0, 1] * 3, range(6), "constant"),
        ({"width": [None] * 6}, [0, 1] * 3, range(6), "constant"),
        ({}, [0, 1] * 3, range(6), "no metadata"),
        ({"width": [1.0, 2.0] * 3}, [0] * 5 + [1], range(6), "1 independent group"),
        ({"width": [1.0, 2.0] * 3}, [0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 3, 3], "1 independent group"),
        ({"width": [1.0, 2.0] * 3}, [0] * 6, range(6), "0 independent group"),
    ],
)
def test_what_can_not_be_judged_has_a_reason(columns, labels, groups, words):
    found = find_shortcuts(columns, np.array(labels), np.array(groups), 2)
    assert found["auc"] is None
    assert words in found["reason"]
    assert found["level"] == ("none" if words == "constant" else "unknown")
    assert found["columns"] == found["carried_by"] == []
    json.dumps(found, allow_nan=False)


def test_strange_numbers_are_survived():
    labels, groups, _ = images()
    values = [math.inf if label else -math.inf for label in labels]
    values[:6] = [math.nan, None, 1e300, 10**30, True, np.float32(2)]
    found = find_shortcuts({"odd": values}, labels, groups, 2)
    assert found["auc"]["value"] > 0.95


def test_the_seed_decides():
    labels, groups, rng = images(90)
    columns = {"a": (labels + rng.normal(0, 1, 90)).tolist()}
    first, again, other = (find_shortcuts(columns, labels, groups, 2, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first["auc"] != other["auc"]


def test_no_threads_or_processes_are_started(monkeypatch):
    def refuse(self):
        raise AssertionError("started")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(multiprocessing.Process, "start", refuse)
    labels, groups, rng = images(60)
    assert find_shortcuts(noise(rng, 60), labels, groups, 2)["auc"] is not None


@pytest.mark.parametrize(
    ("columns", "labels", "groups"),
    [
        ({"a": [1.0]}, [0, 1], [0, 1]),
        ({"a": [1.0, 2.0]}, [0, 1], [0]),
        ({"a": [1.0, 2.0]}, [0, 2], [0, 1]),
        ({"a": [1.0, [2.0]]}, [0, 1], [0, 1]),
        ({"a": []}, [], []),
    ],
)
def test_input_that_does_not_fit_is_refused(columns, labels, groups):
    with pytest.raises(DataError):
        find_shortcuts(columns, np.array(labels, int), np.array(groups, int), 2)


def test_large_data_are_sampled_by_whole_groups(monkeypatch):
    monkeypatch.setattr("automedimg.evaluation.shortcuts.MOST_ROWS", 200)
    monkeypatch.setattr("automedimg.evaluation.shortcuts.FEWEST_ROWS", 200)
    labels, groups, rng = images(900)
    columns = {"width": (labels + rng.normal(0, 0.2, 900)).tolist()}
    found = find_shortcuts(columns, labels, groups, 2)
    assert found["sampled_from"] == {"images": 900, "groups": 300}
    assert found["images"] <= 200
    assert found["images"] == 3 * found["groups"]
    assert found["auc"]["value"] > 0.95


def test_a_sample_keeps_rare_classes_whole_and_groups_together():
    labels = np.array([0] * 960 + [1] * 40)
    groups = np.repeat(np.arange(500), 2)
    rows = sample_rows(labels, groups, 200, seed=3)
    assert (labels[rows] == 1).sum() == 40
    assert 190 <= len(rows) <= 200
    assert (np.bincount(groups[rows], minlength=500) % 2 == 0).all()
    assert np.array_equal(rows, sample_rows(labels, groups, 200, seed=3))


def test_a_sample_of_giant_groups_thins_them_out():
    labels = np.repeat([0, 1, 0, 1], 1000)
    groups = np.repeat(np.arange(4), 1000)
    rows = sample_rows(labels, groups, 400, seed=0)
    assert len(rows) == 400
    assert len(np.unique(groups[rows])) == 4


def test_folds_hold_every_class_and_tear_no_group():
    labels, groups, _ = images(300, 3, classes=3)
    labels = np.where(groups == 0, np.arange(300) % 3, labels)
    folds = deal_folds(labels, groups, 5, seed=1)
    assert len({(group, fold) for group, fold in zip(groups, folds, strict=True)}) == 100
    table = np.array([[(labels[folds == f] == k).sum() for k in range(3)] for f in range(5)])
    assert (table >= 15).all()
    assert groups_per_class(labels, groups, 3).sum() == 102


@pytest.mark.parametrize("classes", [2, 3])
def test_the_auc_agrees_with_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, 200)
    p = rng.dirichlet(np.ones(classes), 200).round(1) + 0.2 * np.eye(classes)[labels]
    p = (p / p.sum(axis=1, keepdims=True)).round(9)  # rounding makes ties of almost equal values
    if classes == 2:
        expected = roc_auc_score(labels, p[:, 1])
    else:
        expected = roc_auc_score(labels, p, multi_class="ovr")
    assert ranked_auc(labels, ranks(p)) == pytest.approx(expected)
    with pytest.raises(MetricUndefinedError):
        ranked_auc(np.zeros(200, dtype=int), ranks(p))


def test_neighbours_see_only_other_folds():
    values = np.repeat([0.0, 0.5, 1.0], 20)
    labels = np.repeat([0, 1, 0], 20)
    folds = np.repeat([0, 1, 2], 20)  # each value is in one fold: what it means can't be known
    p = out_of_fold_neighbours(values, labels, folds, 2)
    assert (p[labels == 1, 1] < 0.5).all()
    mixed = out_of_fold_neighbours(values, labels, np.arange(60) % 5, 2)
    assert ranked_auc(labels, ranks(mixed)) == 1.0
    assert np.allclose(mixed.sum(axis=1), 1.0)


def test_rare_texts_are_one_category_and_numbers_lose_their_unit():
    groups = np.arange(6)
    columns = {"text": ["a", "a", "b", "c", None, "a"], "number": [1e9, 5, -3, 5, None, 5]}
    table = metadata_table(columns, np.arange(6), groups)
    assert table.values[:, 0].tolist() == [1, 1, 0, 0, -1, 1]
    assert table.values[:, 1].tolist() == [1, 0.5, 0, 0.5, -1, 0.5]
