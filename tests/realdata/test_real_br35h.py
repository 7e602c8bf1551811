"""Br35H itself: its copies, and a search on it."""

import os
from pathlib import Path

import pytest

import automedimg

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def data() -> Path:
    folder = Path(os.environ.get("AUTOMEDIMG_TEST_DATA", "")) / "br35h"
    if not os.environ.get("AUTOMEDIMG_TEST_DATA") or not folder.is_dir():
        pytest.skip("needs Br35H in $AUTOMEDIMG_TEST_DATA/br35h")
    return folder


def test_copies_are_found_and_never_across_the_classes(data: Path):
    found = automedimg.audit("br35h", data)
    assert (found["images"], found["unreadable"]) == (3000, [])
    assert found["label_conflicts"] == []
    assert found["images_with_copies"] > 2700
    assert found["groups"] < 420
    assert found["leakage"]["leaking_images"] == 0


def test_a_random_split_leaks_nearly_everywhere(data: Path):
    found = automedimg.audit("br35h", data, protocol="random")
    assert found["leakage"]["percent"] > 90


def test_frozen_features_carry_far(data: Path, tmp_path: Path):
    run = automedimg.search(
        "br35h",
        data,
        out=tmp_path / "run",
        trials=2,
        backbones=("mobilenetv2",),
        fix={"train": "frozen", "alpha": 1.0},
        download=False,
    )
    assert run.best is not None and (run.best.value or 0) > 0.88
    assert (run.test_scores["auc"]["value"] or 0) > 0.85
