"""A paper that is run, stopped and continued: splits, runs, results, tables, page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import automedimg
from automedimg.contracts import Event, Notice, PartStarted
from automedimg.errors import ConfigurationError, RunError
from automedimg_tasks.br35h import write_phantoms

TINY = """
format = 1
title = "Two <tiny> networks"
summary = "For tests"
task = "br35h"
claim = "Both are good."
scores = ["accuracy", "sensitivity", "specificity", "auc"]

[paper]
citation = "Nobody (2020)"

[settings]
image_size = 32
epochs = 2
epoch_patience = 2
metric = "accuracy"
fix = { learning_rate = 1e-2, "dense.layers" = 0, batch_size = 16 }

[split]
protocols = ["random", "grouped"]
test = 0.25
folds = 2

[models.cnn]
label = "Small CNN"
backbone = "custom_cnn"
head = "dense"
train = "scratch"
fix = { blocks = 3, filters = 8, kernel_size = 3, augmentation = 0.0 }
parameters = 99

[models.mobile]
backbone = "mobilenet"
head = "dense"
train = "frozen"
fix = { alpha = 0.25 }

[ensembles.both]
models = ["cnn", "mobile"]

[[comparisons]]
first = "cnn"
second = "mobile"

[[figures]]
model = "cnn"
score = "accuracy"
value = 0.99
where = "Table 1"

[[figures]]
model = "cnn - mobile"
score = "t"
value = 0.4
where = "Table 2"

[[readings]]
about = "it"
taken = "that"
why = "so"
"""


class Stop(Exception):
    """What a test's listener raises."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("paper")
    (home / "data").mkdir()
    write_phantoms(home / "data", num_patients=24, seed=3)
    (home / "tiny.toml").write_text(TINY, encoding="utf-8")
    return home


def run(home: Path, **more: Any) -> dict[str, Any]:
    asked = {"out": home / "out", "cache_dir": home / "cache", "download": False}
    return automedimg.paper(str(home / "tiny.toml"), home / "data", **{**asked, **more})


@pytest.fixture(scope="module")
def stopped(home: Path) -> dict[str, float]:
    """Run until the third run begins; return when each result was written."""

    def listen(event: Event) -> None:
        if isinstance(event, PartStarted) and event.number == 3:
            raise Stop

    with pytest.raises(Stop):
        run(home, listener=listen)
    return times(home)


@pytest.fixture(scope="module")
def heard() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def results(home: Path, stopped: dict[str, float], heard: list[Event]) -> dict[str, Any]:
    return run(home, listener=heard.append)


def times(home: Path) -> dict[str, float]:
    found = sorted((home / "out").glob("*/fold-*/*/result.json"))
    return {str(path.relative_to(home)): path.stat().st_mtime for path in found}


def test_what_was_finished_is_not_run_again(
    home: Path, stopped: dict[str, float], results: dict[str, Any], heard: list[Event]
) -> None:
    assert len(stopped) == 2
    after = times(home)
    assert len(after) == 8
    assert {name: after[name] for name in stopped} == stopped
    parts = [event for event in heard if isinstance(event, PartStarted)]
    assert [part.number for part in parts] == [3, 4, 5, 6, 7, 8]
    assert {part.total for part in parts} == {8}
    assert results["runs"] == {"planned": 8, "finished": 8}


def test_each_run_is_an_ordinary_one(home: Path, results: dict[str, Any]) -> None:
    opened = automedimg.open_run(home / "out" / "grouped" / "fold-2" / "cnn")
    assert opened.config["protocol"] == "file"
    assert opened.config["limits"]["trials"] == 1
    assert opened.best is not None
    assert opened.best.params["custom_cnn.filters"] == 8
    assert opened.audit["leakage"]["leaking_images"] == 0
    assert (opened.folder / "report.html").is_file()


def sides(home: Path, name: str) -> dict[str, tuple[str, str]]:
    with (home / "out" / "splits" / f"{name}.csv").open(encoding="utf-8") as file:
        return {row["path"]: (row["split"], row["group"]) for row in csv.DictReader(file)}


def test_folds_share_their_test_side(home: Path, results: dict[str, Any]) -> None:
    for protocol in ("random", "grouped"):
        one, two = (sides(home, f"{protocol}-fold-{fold}") for fold in (1, 2))
        assert {n for n in one if one[n][0] == "test"} == {n for n in two if two[n][0] == "test"}
        assert {n for n in one if one[n][0] == "validation"} == {
            n for n in two if two[n][0] == "train"
        }


def test_leaks_of_each_split_are_counted(home: Path, results: dict[str, Any]) -> None:
    splits = results["splits"]
    assert splits["grouped-fold-1"]["leaking_test"] == 0
    assert splits["grouped-fold-1"]["leaking_validation"] == 0
    table = sides(home, "random-fold-1")
    outside = {group for side, group in table.values() if side != "test"}
    leaking = sum(side == "test" and group in outside for side, group in table.values())
    assert splits["random-fold-1"]["leaking_test"] == leaking > 0


def arm(results: dict[str, Any], split: str, model: str) -> dict[str, Any]:
    (found,) = [a for a in results["arms"] if (a["split"], a["model"]) == (split, model)]
    return found


def test_scores_are_those_of_the_runs(home: Path, results: dict[str, Any]) -> None:
    told = arm(results, "random", "cnn")
    runs = [automedimg.open_run(home / "out" / "random" / f"fold-{k}" / "cnn") for k in (1, 2)]
    values = [r.test_scores["accuracy"]["value"] for r in runs]
    assert told["test"]["accuracy"]["values"] == pytest.approx(values)
    assert told["test"]["accuracy"]["mean"] == pytest.approx(np.mean(values))
    on_folds = [r.best.validation["sensitivity"] for r in runs if r.best]
    assert told["validation"]["sensitivity"]["variance"] == pytest.approx(np.var(on_folds, ddof=1))
    assert told["published_parameters"] == 99
    assert told["parameters"] > told["trainable_parameters"] > 99
    assert arm(results, "random", "mobile")["trainable_parameters"] == 2 * 256 + 2
    assert told["predict_s"] > 0


def test_comparisons_are_made_from_the_predictions(home: Path, results: dict[str, Any]) -> None:
    (told,) = [c for c in results["comparisons"] if c["split"] == "random"]
    first, second = (
        arm(results, "random", m)["validation"]["accuracy"]["values"] for m in ("cnn", "mobile")
    )
    if told["t_test"]["t"] is not None:
        assert told["t_test"]["t"] == pytest.approx(stats.ttest_rel(first, second).statistic)
    predictions = []
    for model in ("cnn", "mobile"):
        folds = [
            home / "out" / "random" / f"fold-{k}" / model / "best" / "test.npz" for k in (1, 2)
        ]
        tables = [np.load(path) for path in folds]
        right = np.mean([t["y_prob"] for t in tables], axis=0).argmax(1) == tables[0]["y_true"]
        predictions.append(right)
    only = (
        int((predictions[0] & ~predictions[1]).sum()),
        int((predictions[1] & ~predictions[0]).sum()),
    )
    assert (told["mcnemar"]["first_only"], told["mcnemar"]["second_only"]) == only
    assert set(told["differences"]) == {"accuracy", "auc"}


def test_published_figures_stand_beside_ours(results: dict[str, Any]) -> None:
    figure, statistic = results["figures"]
    assert (figure["side"], statistic["side"]) == ("test", "validation")
    labels = [arm(results, "random", name)["label"] for name in ("cnn", "mobile")]
    assert statistic["model_label"] == " - ".join(labels)
    assert results["comparisons"][0]["labels"] == labels
    for split in ("random", "grouped"):
        ours = figure["ours"][split]
        assert ours["value"] == arm(results, split, "cnn")["test"]["accuracy"]["mean"]
    assert figure["value"] == 0.99
    for split, ours in statistic["ours"].items():
        (told,) = [c for c in results["comparisons"] if c["split"] == split]
        assert ours["value"] == told["t_test"]["t"]


def test_what_needs_weights_is_void_and_said(results: dict[str, Any], heard: list[Event]) -> None:
    assert results["void"] == {"mobile": "no pretrained weights for mobilenet"}
    assert arm(results, "random", "mobile")["void"]
    assert not arm(results, "random", "cnn")["void"]
    said = [e.text for e in heard if isinstance(e, Notice) and "NO PRETRAINED WEIGHTS" in e.text]
    assert len(said) == 1
    assert "void" in said[0]


def test_tables_and_results_are_written(home: Path, results: dict[str, Any]) -> None:
    kept = json.loads((home / "out" / "results.json").read_text(encoding="utf-8"))
    assert kept == results
    names = {path.stem for path in (home / "out" / "tables").iterdir()}
    assert names >= {"scores", "folds", "parameters", "per_class", "confusion", "comparisons"}
    with (home / "out" / "tables" / "folds.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 2 * 2  # splits, folds, models, sides
    assert all(0 <= float(row["specificity"]) <= 1 for row in rows)


def test_the_page_is_one_file_with_everything(home: Path, results: dict[str, Any]) -> None:
    page = (home / "out" / "paper.html").read_text(encoding="utf-8")
    sections = ("figures", "parameters", "splits", "data", "scores", "folds", "tests", "ensembles")
    for section in (*sections, "roc", "confusion", "per-class", "curves", "epochs", "readings"):
        assert f'id="{section}"' in page, section
    assert "SYNTHETIC" in page
    assert "Two &lt;tiny&gt; networks" in page
    assert not re.search(r"(?:src|href)=\"(?!data:|https://|#)", page)
    assert "<script" not in page
    assert not re.search(r">\s*(?:nan|None)\s*<", page)


def test_the_same_folder_is_not_used_for_something_else(
    home: Path, results: dict[str, Any]
) -> None:
    with pytest.raises(RunError, match="begun with other settings") as error:
        run(home, epochs=1)
    assert "1 of 2 epochs" in error.value.message


def test_names_that_are_unknown_here_are_said_before_anything_is_run(home: Path) -> None:
    text = TINY.replace('"custom_cnn"', '"custom_cn"').replace("alpha = 0.25", "alfa = 0.25")
    (home / "wrong.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        automedimg.paper(str(home / "wrong.toml"), home / "data", out=home / "no")
    assert "cnn: unknown backbone `custom_cn`" in error.value.message
    assert "mobile: can't fix: unknown parameter `alfa`" in error.value.message
    assert not (home / "no").exists()
