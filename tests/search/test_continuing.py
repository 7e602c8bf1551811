"""Going on with a run: with what it began with, and with other limits only if one says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import automedimg
from automedimg.contracts import TrialFinished
from automedimg.errors import ConfigurationError, RunError
from automedimg.search.decisions import read_decisions
from tests.search.small_search import phantoms, search


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantoms(tmp_path_factory.mktemp("resume") / "data")


@pytest.fixture(scope="module")
def run(data: Path) -> automedimg.Run:
    return search(data, data.parent / "run", trials=2, epochs=1, stop=("same:2,0.00001",))


def test_a_finished_run_gives_its_verdict_again(run: automedimg.Run):
    events: list[object] = []
    again = automedimg.resume(run.folder, listener=events.append)
    assert again.result is not None and run.result is not None
    assert again.result["test"] == run.result["test"]
    assert not [event for event in events if isinstance(event, TrialFinished)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trials": 5}, "trials: then 2, now 5"),
        ({"time_s": 60.0}, "time_s: then none, now 60.0"),
        ({"stop": ("same:3",)}, r"stop: then \['same:2,0.00001'\], now \['same:3'\]"),
    ],
)
def test_other_limits_need_a_word(run: automedimg.Run, change, named):
    with pytest.raises(RunError, match=named) as caught:
        automedimg.resume(run.folder, **change)
    assert "--extend" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 4}, "seed: then 0, now 4"),
        ({"epochs": 2}, "epochs: then 1, now 2"),
        ({"strategy": "random"}, "strategy: then tpe, now random"),
        ({"fix": {"blocks": 2}}, "asked: then"),
        ({"vary": ["schedule"]}, "asked: then"),
    ],
)
def test_other_settings_are_refused_even_so(run: automedimg.Run, change, named):
    with pytest.raises(RunError, match=named):
        automedimg.resume(run.folder, extend=True, **change)


def test_an_unknown_setting_is_named(run: automedimg.Run):
    with pytest.raises(ConfigurationError, match="unknown setting `trails`"):
        automedimg.resume(run.folder, trails=4)


def test_another_space_is_refused_with_the_difference(run: automedimg.Run):
    """As when a plugin was updated, or weights have gone."""
    path = run.folder / "run.json"
    before = path.read_text(encoding="utf-8")
    config = json.loads(before)
    name = next(name for name in config["space"] if name.endswith("learning_rate"))
    config["space"][name] = "FloatDistribution(high=1.0, log=False, low=0.0, step=None)"
    config["space"]["old.parameter"] = "gone by now"
    try:
        path.write_text(json.dumps(config), encoding="utf-8")
        with pytest.raises(RunError, match=f"`{name}`: then Float.*; `old.parameter` is gone"):
            automedimg.resume(run.folder)
    finally:
        path.write_text(before, encoding="utf-8")


def test_more_trials_are_added_and_every_decision_is_logged(data: Path, tmp_path: Path):
    first = search(data, tmp_path / "run", trials=1, epochs=1)
    assert len(first.trials) == 1
    more = automedimg.resume(tmp_path / "run", extend=True, trials=3, workers=1)
    assert [t.number for t in more.trials] == [0, 1, 2]
    assert more.trials[0] == first.trials[0]
    assert more.config["request"]["trials"] == 3
    decisions = read_decisions(more.folder)
    for number in range(3):
        kinds = [d["decision"] for d in decisions if d.get("trial") == number]
        assert kinds[0] == "propose"
        assert kinds[-1] == "record"
        assert set(kinds[1:-1]) <= {"keep", "drop", "prune"}
    stops = [(d["rule"], d["why"]) for d in decisions if d["decision"] == "stop"]
    assert stops == [("trials", "1 of 1 trials are done"), ("trials", "3 of 3 trials are done")]


def test_the_rule_that_fired_is_in_the_report(data: Path, tmp_path: Path):
    run = search(data, tmp_path / "run", trials=9, epochs=1, stop=("same:2,1.0",))
    assert run.result is not None
    assert run.result["stopped_by"] == "same"
    assert "2 trials in a row came to" in run.result["stopped_because"]
    assert len(run.trials) == 2
    html = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "the same result again and again: 2 trials in a row came to" in html


def test_a_folder_that_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(RunError, match="not a run directory"):
        automedimg.resume(tmp_path)


def test_a_ledger_somewhere_else_is_refused(run: automedimg.Run, data: Path):
    """A new ledger would begin the search anew over the old one's files."""
    with pytest.raises(RunError, match=r"in the run directory, not in `sqlite:///x.db`"):
        search(
            data,
            run.folder,
            trials=2,
            epochs=1,
            stop=("same:2,0.00001",),
            storage="sqlite:///x.db",
        )
    with pytest.raises(ConfigurationError, match="not on a server"):
        automedimg.resume(run.folder, storage="sqlite:///x.db")


def test_a_kill_before_the_run_began_leaves_nothing_in_the_way(data: Path, tmp_path: Path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (".lock", ".holder", "..holder-x1", ".splits-x2.csv", "splits.csv", ".run-x3.json"):
        (folder / name).touch()
    run = search(data, folder, trials=1, epochs=1)
    assert run.result is not None
    assert not list(folder.glob(".*-x*"))


def test_the_default_number_of_trials_stays_when_time_is_added(run: automedimg.Run, tmp_path: Path):
    from automedimg.search.request import SearchRequest, resumed_request

    first = SearchRequest(out=tmp_path / "run", task="br35h")
    config = {"request": first.to_json(), "storage": None}
    later = resumed_request(config, tmp_path / "run", {"time_s": 3600.0, "extend": True})
    assert (later.limits.trials, later.limits.time_s) == (30, 3600.0)
