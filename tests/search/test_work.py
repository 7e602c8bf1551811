"""Pixels are paid for once: what a second search on the same images has to compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import automedimg
from automedimg.search.decisions import read_decisions
from automedimg.training.backend import load_keras
from tests.search.small_search import phantoms


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A search of heads on a small MobileNetV2, whose weights are random."""
    folder = tmp_path_factory.mktemp("work")
    load_keras()
    import keras

    weights = folder / "weights"
    weights.mkdir()
    network = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    network.save_weights(weights / "mobilenetv2_0.35_224.weights.h5")
    return {
        "task": "br35h",
        "data": phantoms(folder / "data"),
        "weights_dir": weights,
        "cache_dir": folder / "cache",
        "backbones": ["mobilenetv2"],
        "fix": {"train": "frozen", "views": 1},
        "image_size": 32,
        "epochs": 3,
        "trials": 4,
        "download": False,
    }


def test_a_second_search_decodes_and_extracts_nothing(settings, tmp_path: Path):
    first = automedimg.search(**settings, out=tmp_path / "first").result
    second = automedimg.search(**settings, out=tmp_path / "second").result
    audit = first["audit"]
    number = audit["images"] + len(audit["unreadable"])  # to see that one is none takes a look, too
    assert first["work"] == {"images_decoded": number, "features_computed": number}
    assert second["work"] == {"images_decoded": 0, "features_computed": 0}
    assert second["best"] == first["best"]
    assert second["test"] == first["test"]


def test_views_cost_one_pass_of_the_training_images_each(settings, tmp_path: Path):
    fix = {**settings["fix"], "views": 4}
    run = automedimg.search(**{**settings, "fix": fix, "trials": 2}, out=tmp_path / "run")
    splits = (run.folder / "splits.csv").read_text().splitlines()
    train = sum(line.endswith(",train") for line in splits)
    work = run.result["work"]
    looked_at = run.result["audit"]["images"] + len(run.result["audit"]["unreadable"])
    assert work["features_computed"] in (3 * train, 3 * train + looked_at)


def test_with_a_time_limit_the_first_trial_is_a_default(settings, tmp_path: Path):
    run = automedimg.search(**settings, time_s=60, out=tmp_path / "run")
    (first, *_) = [one for one in read_decisions(run.folder) if one["decision"] == "advise"]
    assert first["way"] == "mobilenetv2 frozen"
    assert run.trials[0].params["dense.layers"] == 0
    assert run.trials[1].params["head"] == "logistic"  # the next head's best guess
