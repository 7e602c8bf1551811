"""Whole searches, small but real: worker processes, Keras, the ledger, the verdict."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import automedimg
from automedimg.contracts import Notice, SearchFinished, TrialFinished
from automedimg.errors import AutomedimgError, RunError
from tests.search.small_search import phantoms, search


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantoms(tmp_path_factory.mktemp("search") / "data")


@pytest.fixture(scope="module")
def run(data: Path) -> automedimg.Run:
    return search(data, data.parent / "run", trials=3)


def splits(run: automedimg.Run) -> list[dict[str, str]]:
    with (run.folder / "splits.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_search_leaves_everything_behind(run: automedimg.Run):
    result = json.loads((run.folder / "result.json").read_text(encoding="utf-8"))
    assert {"run", "task", "protocol", "synthetic", "seconds", "trials", "stopped_by"} <= set(
        result
    )
    assert result["synthetic"] is True
    assert result["stopped_by"] == "trials"
    assert sum(result["trials"].values()) == 3
    assert set(result["best"]) >= {"trial", "params", "validation"}
    for scores in result["test"].values():
        assert set(scores) == {"value", "low", "high"}
    assert result["audit"]["leakage"]["leaking_images"] == 0
    for name in ("run.json", "study.journal", "audit.json", "report.html", "log.txt"):
        assert (run.folder / name).is_file(), name
    assert (run.folder / "best" / "card.md").read_text(encoding="utf-8").count("SYNTHETIC") == 1
    assert not list(run.folder.rglob("*.tmp"))


def test_no_group_is_on_two_sides(run: automedimg.Run):
    sides: dict[str, set[str]] = {}
    for row in splits(run):
        sides.setdefault(row["group"], set()).add(row["split"])
    assert list(splits(run)[0]) == ["path", "label", "group", "split"]
    assert all(len(found) == 1 for found in sides.values())


def test_one_rule_binds_score_file_and_report(run: automedimg.Run):
    """The saved file gives the validation score that selected it and the test score reported."""
    best = run.best
    assert best is not None
    from automedimg.registry import load_catalog

    auc = load_catalog().metrics.make("auc")
    for split, expected in (
        ("validation", best.value),
        ("test", run.test_scores["auc"]["value"]),
    ):
        rows = [row for row in splits(run) if row["split"] == split]
        root = Path(run.config["data"])
        predictions = run.predict([root / row["path"] for row in rows])
        y_true = np.array([int(row["label"] == "yes") for row in rows])
        y_prob = np.array([list((p.probabilities or {}).values()) for p in predictions])
        assert auc(y_true, y_prob) == pytest.approx(expected, abs=1e-4)


def test_the_test_split_is_opened_once(run: automedimg.Run):
    assert run.result is not None
    assert len(run.result["test_openings"]) == 1
    with np.load(run.folder / "best" / "test.npz") as table:
        assert len(table["y_true"]) == run.result["test_images"]


def test_a_file_that_is_not_the_chosen_model_is_not_judged(data: Path, tmp_path: Path):
    from shutil import copyfile

    run = search(data, tmp_path / "run", trials=2)
    assert run.best is not None
    openings = len(run.config["test_openings"])
    models = {n: run.folder / "trials" / f"{n:04d}" / "model.keras" for n in (0, 1)}
    copyfile(models[1 - run.best.number], models[run.best.number])
    (run.folder / "result.json").unlink()
    with pytest.raises(RunError, match="is not the one that was chosen"):
        search(data, run.folder, trials=2)
    assert len(automedimg.open_run(run.folder).config["test_openings"]) == openings


@pytest.mark.slow
def test_models_of_losers_are_not_kept(data: Path, tmp_path: Path):
    run = search(data, tmp_path / "run", trials=5, epochs=1)
    kept = list((run.folder / "trials").glob("*/model.keras"))
    assert len(kept) == 3
    assert len(list((run.folder / "trials").iterdir())) == 5


def test_the_same_seed_repeats_everything(run: automedimg.Run, data: Path, tmp_path: Path):
    again = search(data, tmp_path / "again", trials=3)
    assert splits(again) == splits(run)
    assert [t.params for t in again.trials] == [t.params for t in run.trials]
    assert [t.value for t in again.trials] == [t.value for t in run.trials]
    assert again.test_scores == run.test_scores
    other = search(data, tmp_path / "other", trials=3, seed=1)
    assert splits(other) != splits(run)
    assert [t.params for t in other.trials] != [t.params for t in run.trials]


@pytest.mark.slow
def test_a_run_is_continued_and_equals_one_never_stopped(data: Path, tmp_path: Path):
    first = search(data, tmp_path / "run", trials=2)
    assert [t.number for t in first.trials] == [0, 1]
    leader = first.best
    continued = search(data, tmp_path / "run", trials=4, extend=True)
    whole = search(data, tmp_path / "whole", trials=4)
    assert [(t.number, t.params, t.value) for t in continued.trials] == [
        (t.number, t.params, t.value) for t in whole.trials
    ]
    assert continued.test_scores == whole.test_scores
    assert len(continued.config["sessions"]) == 2
    result = continued.result
    assert result is not None
    same_leader = leader is not None and leader.number == result["best"]["trial"]
    assert len(result["test_openings"]) == (1 if same_leader else 2)


def test_a_finished_run_is_not_searched_or_judged_again(run: automedimg.Run, data: Path):
    before = run.result
    events: list[object] = []
    again = search(data, run.folder, trials=3, listener=events.append)
    assert again.result is not None and before is not None
    assert again.result["test"] == before["test"]
    assert again.result["test_openings"] == before["test_openings"]
    assert not [event for event in events if isinstance(event, TrialFinished)]
    assert [event for event in events if isinstance(event, SearchFinished)]


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 9}, "seed: then 0, now 9"), ({"image_size": 40}, "image_size: then 32, now 40")],
)
def test_changed_settings_are_refused(run: automedimg.Run, data: Path, change, named):
    with pytest.raises(RunError, match=named):
        search(data, run.folder, trials=3, **change)


def test_a_changed_data_set_is_refused(data: Path, tmp_path: Path):
    from shutil import copytree

    copy = Path(copytree(data, tmp_path / "data"))
    search(copy, tmp_path / "run", trials=1, epochs=1)
    next(copy.glob("yes/*_s1.*")).unlink()
    with pytest.raises(RunError, match=r"other data: 1 image\(s\) are gone: `yes/"):
        search(copy, tmp_path / "run", trials=1, epochs=1)


def test_a_held_run_names_its_holder(run: automedimg.Run, data: Path):
    from automedimg.search.record import hold

    with hold(run.folder), pytest.raises(RunError, match="in use by process"):
        search(data, run.folder, trials=3)


def test_a_folder_that_is_no_run_is_left_alone(data: Path, tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not empty and not a run"):
        search(data, tmp_path, trials=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failing_search_deletes_nothing_of_others(tmp_path: Path):
    """Not even in a folder that looks a little like a run's."""
    (tmp_path / ".lock").touch()
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(AutomedimgError):
        search(tmp_path / "nowhere", tmp_path, trials=1)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_search_that_never_began_leaves_no_folder(tmp_path: Path):
    with pytest.raises(AutomedimgError, match="no such folder"):
        search(tmp_path / "nowhere", tmp_path / "run", trials=1)
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_just_beginning_is_not_cleared_away(data: Path, tmp_path: Path):
    """Its owner still reads images: there is no run.json yet."""
    from automedimg.search.record import hold

    (tmp_path / "run").mkdir()
    with hold(tmp_path / "run"):
        with pytest.raises(RunError, match="in use by"):
            search(data, tmp_path / "run", trials=1)
        assert (tmp_path / "run" / ".holder").is_file()


def test_a_folder_that_can_not_be_written_is_named(data: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="can't write to the folder"):
        search(data, tmp_path / "file" / "run", trials=1)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a read-only file system")
def test_a_read_only_file_system_is_named(data: Path):
    with pytest.raises(RunError, match="can't write to the folder"):
        search(data, Path("/proc/automedimg-run"), trials=1)


def test_other_backbones_are_refused_with_what_was_asked(run: automedimg.Run, data: Path):
    with pytest.raises(RunError, match="asked: then"):
        search(data, run.folder, trials=3, backbones=("mobilenet",))


def test_the_random_protocol_says_what_leaks(data: Path, tmp_path: Path):
    events: list[object] = []
    run = search(data, tmp_path / "run", trials=1, protocol="random", listener=events.append)
    assert run.result is not None
    leakage = run.result["audit"]["leakage"]
    assert leakage["leaking_images"] > 0.3 * leakage["test_images"]
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert any(text.startswith("LEAK:") for text in notices)
    html = (run.folder / "report.html").read_text(encoding="utf-8")
    assert f"{leakage['leaking_images']} of {leakage['test_images']}" in html


def test_time_alone_limits_a_search(data: Path, tmp_path: Path):
    run = search(data, tmp_path / "run", time_s=16, epochs=1)
    assert run.result is not None
    assert run.result["stopped_by"] == "time"
    assert len(run.trials) > 1


def test_predictions_name_unreadable_files(run: automedimg.Run, data: Path, tmp_path: Path):
    fake = tmp_path / "naïve scan.jpg"
    fake.write_text("not an image")
    image = next(data.glob("no/*_s1.*"))
    good, bad, missing = run.predict([image, fake, tmp_path / "nowhere.png"])
    assert good.label in ("no", "yes") and not good.error
    assert sum((good.probabilities or {}).values()) == pytest.approx(1, abs=1e-4)
    assert (bad.label, bad.error) == ("", "not an image in a known format")
    assert missing.error == "can't be opened: no such file or directory"


def test_what_a_run_is_asked_too_early_is_an_error(tmp_path: Path):
    with pytest.raises(AutomedimgError, match="no such run"):
        automedimg.open_run(tmp_path / "nowhere")
    with pytest.raises(AutomedimgError, match="not a run directory"):
        automedimg.open_run(tmp_path)


def test_grey_images_are_asked_for(data: Path, tmp_path: Path):
    run = search(data, tmp_path / "run", trials=1, channels=1, epochs=1)
    assert run.config["channels"] == 1
    from automedimg.training.backend import load_keras

    model = load_keras().models.load_model(run.model_path, compile=False)
    assert model.input_shape == (None, 32, 32, 1)
    with pytest.raises(RunError, match="asked"):
        search(data, run.folder, trials=1, epochs=1)
