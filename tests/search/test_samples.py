"""The sample of every task that ships goes through a whole search."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import automedimg
from automedimg.registry import load_catalog

QUICK = ("dbt", "npz", "pcam")
"""Searched in every test run; br35h and dicom are searched by other tests too."""

TASKS = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in load_catalog().datasets.names()
]


@pytest.mark.parametrize("task", TASKS)
def test_a_sample_is_searched_from_end_to_end(task: str, tmp_path: Path) -> None:
    run = automedimg.search(
        task,
        sample=True,
        out=tmp_path / "run",
        trials=1,
        epochs=1,
        image_size=32,
        backbones=["custom_cnn"],
        fix={"blocks": 3, "filters": 8},
        cache_dir=tmp_path / "cache",
        download=False,
    )
    assert run.result is not None
    assert run.result["synthetic"]
    assert run.config["task"] == task
    audit = run.result["audit"]
    assert audit["leakage"]["percent"] == 0
    assert 0.0 <= run.test_scores["auc"]["value"] <= 1.0
    with (run.folder / "splits.csv").open(encoding="utf-8") as file:
        sides: dict[str, set[str]] = {}
        for row in csv.DictReader(file):
            sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(of_group) == 1 for of_group in sides.values())
