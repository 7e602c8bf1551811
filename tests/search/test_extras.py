"""What a search notes only if it is asked to: scores on the training split, TensorBoard's logs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import automedimg
from automedimg.cli.console import stdout
from automedimg.cli.verdict import show_verdict
from automedimg.errors import RunError
from tests.search.small_search import phantoms, search


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantoms(tmp_path_factory.mktemp("extras") / "data")


@pytest.fixture(scope="module")
def run(data: Path) -> automedimg.Run:
    return search(data, data.parent / "run", trials=1, epochs=2)


def history(run: automedimg.Run) -> list[dict[str, str]]:
    with (run.folder / "trials" / "0000" / "history.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_without_being_asked_nothing_is_scored_on_the_training_split(run: automedimg.Run) -> None:
    assert run.result is not None and "train" not in run.result
    assert not (run.folder / "best" / "train.npz").exists()
    assert "accuracy" not in history(run)[0] and "val_accuracy" in history(run)[0]
    assert not (run.folder / "trials" / "0000" / "tensorboard").exists()
    with pytest.raises(RunError, match="no scores on the training split") as caught:
        _ = run.train_scores
    assert "--score-train" in (caught.value.hint or "")
    html = (run.folder / "report.html").read_text(encoding="utf-8")
    assert 'class="num">Training</th>' not in html and "training accuracy" not in html


def test_they_are_those_of_the_saved_file_and_shown_everywhere(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = search(data, tmp_path / "run", trials=1, epochs=2, score_train=True, tensorboard=True)
    with (run.folder / "splits.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    predictions = run.predict([Path(run.config["data"]) / row["path"] for row in rows])
    right = [p.label == row["label"] for p, row in zip(predictions, rows, strict=True)]
    assert run.train_scores["accuracy"] == pytest.approx(np.mean(right))
    with np.load(run.folder / "best" / "train.npz") as table:
        own = table["y_prob"][np.arange(len(table["y_true"])), table["y_true"]]
    assert run.train_scores["log_loss"] == pytest.approx(-np.log(own).mean(), abs=1e-6)
    assert all(0 <= float(row["accuracy"]) <= 1 for row in history(run))
    html = (run.folder / "report.html").read_text(encoding="utf-8")
    assert 'class="num">Training</th>' in html and "training accuracy" in html
    show_verdict(stdout(), run)
    assert "training" in capsys.readouterr().out
    assert len(list((run.folder / "trials" / "0000" / "tensorboard").iterdir())) == 1


def test_a_run_that_has_ended_may_be_asked_later(run: automedimg.Run) -> None:
    openings = run.config["test_openings"]
    again = automedimg.resume(run.folder, score_train=True)
    assert set(again.train_scores) == set(again.test_scores)
    assert again.config["test_openings"] == openings
    once_more = automedimg.resume(run.folder, score_train=False)
    assert once_more.train_scores == again.train_scores
