"""A whole search without a network: a descriptor, fitted heads, and what a user does with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import automedimg
from automedimg.contracts import TrialFinished
from automedimg.errors import RunError
from automedimg.search.decisions import read_decisions
from tests.search.small_search import phantoms, search

SETTINGS = {"backbones": ("hog_pca",), "heads": ("logistic", "svm"), "fix": {}, "image_size": 64}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantoms(tmp_path_factory.mktemp("fitted") / "data")


@pytest.fixture(scope="module")
def run(data: Path) -> automedimg.Run:
    return search(data, data.parent / "run", trials=3, **SETTINGS)


def test_it_finds_a_model(run: automedimg.Run) -> None:
    trials = sorted(run.trials, key=lambda trial: trial.number)
    assert [trial.state for trial in trials] == ["complete"] * 3
    # The head that the descriptor goes best with is tried first.
    assert [trial.params["head"] for trial in trials[:2]] == ["svm", "logistic"]
    assert all(trial.epochs == 1 and "learning_rate" not in trial.params for trial in trials)
    assert run.result is not None and run.result["best"]["params"]["backbone"] == "hog_pca"
    assert run.result["work"]["features_computed"] > 0


def test_the_model_is_used_and_not_explained(run: automedimg.Run, data: Path) -> None:
    images = sorted(data.rglob("*.jpg"))[:3]
    found = list(run.predict(images))
    assert all(one.probabilities is not None for one in found)
    with pytest.raises(RunError, match="can't be explained"):
        list(automedimg.explain(run.folder, images))
    assert automedimg.report(run.folder).is_file()


def test_it_goes_on_as_any_other(run: automedimg.Run) -> None:
    events: list[object] = []
    again = automedimg.resume(run.folder, extend=True, trials=5, listener=events.append)
    assert len([event for event in events if isinstance(event, TrialFinished)]) == 2
    assert len(again.trials) == 5


def test_with_a_limited_time_the_descriptor_is_tried_first(data: Path) -> None:
    settings = {**SETTINGS, "backbones": ("custom_cnn", "hog_pca"), "heads": (), "epochs": 1}
    run = search(data, data.parent / "timed", time_s=12.0, trials=2, **settings)
    first = min(run.trials, key=lambda trial: trial.number)
    assert (first.params["backbone"], first.params["head"]) == ("hog_pca", "svm")
    advice = [one for one in read_decisions(run.folder) if one["decision"] == "advise"]
    assert advice[0]["way"] == "hog_pca frozen"
