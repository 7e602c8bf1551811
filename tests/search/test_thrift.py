"""What a limited time is spent on, in simulated searches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import automedimg
from automedimg.contracts import TrialResult
from automedimg.search.decisions import read_decisions
from automedimg.search.space import BackboneOption, SearchSpace
from automedimg.search.thrift import Thrift
from tests.search.small_search import QUICK, phantoms

ALL = ("frozen", "finetune", "scratch")


def make_space(**modes: tuple[str, ...]) -> SearchSpace:
    options = {name: BackboneOption(None, {}, found, ()) for name, found in modes.items()}  # type: ignore[arg-type]
    return SearchSpace(options, {}, {}, {})


def result(number: int, way: tuple[str, str], value: float | None, seconds: float) -> TrialResult:
    params = {"backbone": way[0], "train": way[1]}
    state = "complete" if value is not None else "failed"
    return TrialResult(number, state, params, value, seconds=seconds)


def simulate(
    thrift: Thrift,
    worlds: dict[tuple[str, str], tuple[float, float, float]],
    time_s: float,
    seed: int = 0,
) -> list[tuple[tuple[str, str], float]]:
    """Search where each way's scores have a mean and a deviation, and trials a duration."""
    rng = np.random.default_rng(seed)
    finished: list[TrialResult] = []
    spent = 0.0
    while spent < time_s:
        advice = thrift.advise(finished, [], time_s - spent)
        backbone, mode = advice.way.split()
        mean, deviation, seconds = worlds[backbone, mode]
        value = min(1.0, float(rng.normal(mean, deviation)))
        spent += seconds
        finished.append(result(len(finished), (backbone, mode), value, seconds))
    return [((one.params["backbone"], one.params["train"]), one.value or 0.0) for one in finished]


def test_the_cheapest_goes_first():
    prior = {("a", "frozen"): 5.0, ("a", "finetune"): 50.0, ("b", "frozen"): 2.0}
    thrift = Thrift(make_space(a=("frozen", "finetune"), b=("frozen",)), [], prior, True)
    assert thrift.advise([], [], 600.0).way == "b frozen"


WORLDS = {
    ("good", "frozen"): (0.90, 0.01, 0.5),
    ("good", "finetune"): (0.95, 0.01, 60.0),
    ("poor", "frozen"): (0.70, 0.01, 0.5),
    ("poor", "finetune"): (0.75, 0.01, 60.0),
}
PRIOR = {key: seconds for key, (_, _, seconds) in WORLDS.items()}


def test_the_backbone_that_does_well_frozen_is_fine_tuned():
    space = make_space(good=("frozen", "finetune"), poor=("frozen", "finetune"))
    trials = simulate(Thrift(space, [], PRIOR, True), WORLDS, 600.0)
    tuned = [way for way, _ in trials if way[1] == "finetune"]
    assert tuned.count(("good", "finetune")) >= 4
    assert tuned.count(("poor", "finetune")) <= 1
    first = next(index for index, (way, _) in enumerate(trials) if way[1] == "finetune")
    assert {way for way, _ in trials[:first]} == {("good", "frozen"), ("poor", "frozen")}


def choose_at_random(time_s: float, seed: int) -> float:
    """The best score of a search that takes every way equally often."""
    rng, spent, scores = np.random.default_rng(seed), 0.0, []
    while spent < time_s:
        mean, deviation, seconds = WORLDS[list(WORLDS)[rng.integers(4)]]
        scores.append(float(rng.normal(mean, deviation)))
        spent += seconds
    return max(scores)


def test_it_beats_choosing_at_random_in_the_same_time():
    space = make_space(good=("frozen", "finetune"), poor=("frozen", "finetune"))
    seeds = range(30)
    advised = [
        max(value for _, value in simulate(Thrift(space, [], PRIOR, True), WORLDS, 200.0, seed))
        for seed in seeds
    ]
    at_random = [choose_at_random(200.0, 100 + seed) for seed in seeds]
    assert np.mean(advised) > np.mean(at_random) + 0.005


def test_what_does_not_fit_into_the_time_left_is_not_begun():
    space = make_space(good=("frozen", "finetune"))
    known = [result(n, ("good", "frozen"), 0.9 + n % 7 / 1000, 1.0) for n in range(60)]
    known += [result(60 + n, ("good", "finetune"), 0.95 + n / 100, 100.0) for n in range(3)]
    thrift = Thrift(space, [], PRIOR, True)
    assert thrift.advise(known, [], 1000.0).way == "good finetune"
    assert thrift.advise(known, [], 30.0).way == "good frozen"


def test_costs_are_learnt():
    """On a machine four times as slow as the guess, the others are four times as slow, too."""
    space = make_space(a=("frozen", "finetune"))
    thrift = Thrift(space, [], {("a", "frozen"): 1.0, ("a", "finetune"): 10.0}, True)
    known = [replace(result(0, ("a", "frozen"), 0.5, 5.0), extraction_s=4.0)]
    while (advice := thrift.advise(known, [], 1e6)).way == "a frozen":
        known.append(result(len(known), ("a", "frozen"), 0.5, 0.1))
    assert advice.cost_s == pytest.approx(40.0)


def test_a_way_begins_with_its_defaults():
    space = make_space(a=("frozen",), b=("frozen",))
    defaults = [
        {"backbone": "a", "a.train": "frozen", "dense.layers": 0},
        {"backbone": "a", "a.train": "frozen", "dense.layers": 1},
    ]
    thrift = Thrift(space, defaults, {("a", "frozen"): 1.0, ("b", "frozen"): 9.0}, True)
    known: list[TrialResult] = []
    seen = []
    for number in range(3):
        advice = thrift.advise(known, [], 5.0)
        seen.append(advice.params)
        known.append(result(number, ("a", "frozen"), 0.9, 1.0))
    assert seen == [*defaults, {"backbone": "a"}]


def test_each_frozen_backbone_is_looked_at_once_before_one_comes_again():
    """However cheap and promising one is; not what would take most of the time left."""
    space = make_space(cheap=("frozen",), dear=("frozen",), dearest=("frozen", "finetune"))
    prior = {("cheap", "frozen"): 1.0, ("dear", "frozen"): 30.0, ("dearest", "frozen"): 300.0}
    thrift = Thrift(space, [], {**prior, ("dearest", "finetune"): 900.0}, True)
    known = [result(0, ("cheap", "frozen"), 0.95, 1.0)]
    assert thrift.advise(known, [], 100.0).way == "dear frozen"
    running = [{"backbone": "dear", "train": "frozen"}]
    assert thrift.advise(known, running, 100.0).way == "cheap frozen"
    assert thrift.advise(known, running, 1000.0).way == "dearest frozen"
    known.append(result(1, ("dear", "frozen"), 0.5, 30.0))
    assert thrift.advise(known, [], 400.0).way == "cheap frozen"


def test_a_pair_is_tried_once_both_of_it_were():
    """It costs a head then, and may do better than the better one."""
    options = ("a", "b", "a+b")
    space = make_space(**dict.fromkeys(options, ("frozen",)))
    prior = {("a", "frozen"): 10.0, ("b", "frozen"): 20.0, ("a+b", "frozen"): 30.0}
    thrift = Thrift(space, [], prior, True)

    def tried(name: str, score: float) -> TrialResult:
        paid = result(0, (name, "frozen"), score, 20.5)
        return replace(paid, extraction_s=20.0)

    known = [tried("a", 0.90 + n / 1000) for n in range(8)]
    # Features of the other one have to be made first: that is dear.
    before = thrift._cost(("a+b", "frozen"), {("a", "frozen"): known, ("b", "frozen"): []})
    assert before == pytest.approx(60.0)
    known.append(tried("b", 0.80))
    advice = thrift.advise(known, [], 600.0)
    assert advice.way == "a+b frozen"
    assert advice.cost_s == pytest.approx(1.0)


def test_features_are_paid_for_once():
    """What extraction took does not make the next head dear."""
    space = make_space(a=("frozen",), b=("frozen",))
    paid = [
        replace(
            result(n, ("a", "frozen"), 0.9, 30.0 if n == 0 else 0.5), extraction_s=29.5 * (n == 0)
        )
        for n in range(2)
    ]
    advice = Thrift(space, [], {("b", "frozen"): 30.0}, True).advise(paid, [], 1000.0)
    assert (advice.way, advice.cost_s) == ("a frozen", pytest.approx(0.5))


def test_views_come_after_plain_heads():
    thrift = Thrift(make_space(a=("frozen",)), [], {}, True, {"views": 1})
    known = [result(n, ("a", "frozen"), 0.9, 0.5) for n in range(20)]
    assert thrift.advise(known[:19], [], 100.0).params["views"] == 1
    assert "views" not in thrift.advise(known, [], 100.0).params


def test_running_trials_count_as_tried():
    space = make_space(a=("frozen",))
    way = {"backbone": "a", "a.train": "frozen"}
    defaults = [{**way, "dense.layers": 0}, {**way, "dense.layers": 1}]
    thrift = Thrift(space, defaults, {}, True)
    running = [{"backbone": "a", "train": "frozen"}]
    assert thrift.advise([], running, 100.0).params == defaults[1]


def test_less_may_be_better():
    space = make_space(good=("frozen", "finetune"), poor=("frozen", "finetune"))
    worlds = {key: (1.0 - mean, dev, seconds) for key, (mean, dev, seconds) in WORLDS.items()}
    trials = simulate(Thrift(space, [], PRIOR, False), worlds, 600.0)
    tuned = [way for way, _ in trials if way[1] == "finetune"]
    assert tuned.count(("good", "finetune")) > tuned.count(("poor", "finetune"))


def test_failed_trials_cost_time_and_bring_nothing():
    space = make_space(a=("frozen",), b=("frozen",))
    prior = {("a", "frozen"): 1.0, ("b", "frozen"): 2.0}
    thrift = Thrift(space, [], prior, True)
    failed = [result(number, ("a", "frozen"), None, 30.0) for number in range(3)]
    known = [result(9, ("b", "frozen"), 0.8, 2.0)]
    assert thrift.advise([*known, *failed], [], 100.0).way == "b frozen"


def test_a_search_with_a_time_limit_follows_the_advice(tmp_path: Path):
    settings: dict[str, Any] = {**QUICK, "data": phantoms(tmp_path / "data"), "cache_dir": tmp_path}
    run = automedimg.search(**settings, out=tmp_path / "run", time_s=25, trials=4)
    log = read_decisions(run.folder)
    advice = [entry for entry in log if entry["decision"] == "advise"]
    assert len(advice) == len(run.trials)
    assert {entry["way"] for entry in advice} == {"custom_cnn scratch"}
    first = run.trials[0].params
    assert first["custom_cnn.pooling"] == "max"  # the default comes first here, too


def test_a_search_without_one_asks_the_strategy_alone(tmp_path: Path):
    settings: dict[str, Any] = {**QUICK, "data": phantoms(tmp_path / "data"), "cache_dir": tmp_path}
    run = automedimg.search(**settings, out=tmp_path / "run", trials=2)
    assert not [one for one in read_decisions(run.folder) if one["decision"] == "advise"]


def test_gain_is_weighed_against_time():
    """The dear way promises more a trial, and less a second."""
    space = make_space(cheap=("frozen",), dear=("frozen",))
    scores = {"cheap": (0.90, 0.88, 1.0), "dear": (0.92, 0.86, 100.0)}
    known = [
        result(n, (name, "frozen"), (high, low)[n % 2], seconds)
        for name, (high, low, seconds) in scores.items()
        for n in range(2)
    ]
    assert Thrift(space, [], {}, True).advise(known, [], 1e6).way == "cheap frozen"
