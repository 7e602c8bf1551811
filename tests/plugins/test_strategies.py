"""What the strategies promise beyond their contract."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState, create_trial
from strategy_parts import SPACE, ask, made, new_study, outline, search

from automedimg.contracts import Parameter
from automedimg.errors import PluginError
from automedimg.registry import load_catalog
from automedimg_strategies import cmaes, groups
from automedimg_strategies.axes import from_unit, to_unit
from automedimg_strategies.evidence import seen
from automedimg_strategies.groups import groups_of

MODELS = ["tpe", "cmaes", pytest.param("gp", marks=pytest.mark.slow)]
MODELS += [pytest.param("kt-bayesian", marks=pytest.mark.slow)]


def test_all_are_listed_with_their_sources():
    specs = {entry.spec.name: entry.spec for entry in load_catalog().strategies.entries()}
    assert {
        *("tpe", "random", "grid", "gp", "cmaes", "qmc", "hyperband", "asha"),
        *("kt-bayesian", "kt-hyperband", "ak-greedy"),
    } <= set(specs)
    assert all(spec.source for name, spec in specs.items() if name != "grid")


@pytest.mark.parametrize(("name", "module"), [("gp", "torch"), ("cmaes", "cmaes")])
def test_a_missing_dependency_is_explained_when_the_strategy_is_asked_for(
    monkeypatch, name, module
):
    def find(asked):
        return None if asked == module else SimpleNamespace()

    monkeypatch.setattr("automedimg_strategies.needs.find_spec", find)
    with pytest.raises(PluginError, match=module) as caught:
        load_catalog().strategies.make(name)
    assert f"pip install 'automedimg[{name}]'" in caught.value.hint


# Evidence and groups


def test_groups_hold_what_exists_together():
    names = [[each.name for each in group.parameters] for group in groups_of(SPACE)]
    assert names == [["net", "rate"], ["a.width", "a.kind"], ["b.depth"], ["b.drop"]]


def test_a_group_sees_the_trials_that_have_it_and_of_them_its_own_values_alone():
    study = search(made("random"), 20, lambda params: 0.5)
    trials = seen(study, besides=19)
    depth = groups_of(SPACE)[2].of(trials)
    assert depth
    assert [each.number for each in depth] == [
        trial.number for trial in study.trials[:-1] if trial.params["net"] == "b"
    ]
    assert all(set(each.params) == {"b.depth"} for each in depth)


@pytest.mark.parametrize("name", MODELS)
def test_values_of_inactive_parameters_have_no_influence(name):
    """What only one branch has can change as it likes without moving the other one's proposals."""
    if name == "gp":
        pytest.importorskip("torch")
    proposed = []
    for depth in (1, 3):
        for seed in range(4):
            study = new_study()
            study.add_trials(history(depth))
            params = ask(made(name), study, seed=seed).params
            proposed.append({key: params[key] for key in params if not key.startswith("b.")})
    assert proposed[:4] == proposed[4:]
    assert any("a.width" in params for params in proposed)


def history(depth):
    """Trials of both branches; those of `b` all have one depth, and no drop at all."""
    rng = np.random.default_rng(0)
    for number in range(24):
        branch = "a" if number % 3 else "b"
        chosen = {"net": branch, "rate": float(10 ** rng.uniform(-4, -1))}
        chosen |= {"a.width": int(rng.integers(8, 65)), "a.kind": "x"} if branch == "a" else {}
        chosen |= {"b.depth": depth} if branch == "b" else {}
        distributions = {p.name: p.distribution for p in SPACE if p.name in chosen}
        value = float(rng.uniform()) + (branch == "a")
        yield create_trial(value=value, params=chosen, distributions=distributions)


def test_trials_that_were_pruned_or_run_are_evidence_and_failed_ones_are_not():
    study, strategy = new_study(), made("random")
    complete, pruned, failed, running = (ask(strategy, study) for _ in range(4))
    study.tell(complete, 0.7)
    pruned.report(0.2, 1)
    pruned.report(0.3, 2)
    study.tell(pruned, state=TrialState.PRUNED)
    study.tell(failed, state=TrialState.FAIL)
    found = {each.number: each.value for each in seen(study, besides=99)}
    assert found == {complete.number: 0.7, pruned.number: 0.3, running.number: None}
    assert [each.number for each in seen(study, besides=0)] == [1, 3]


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(-1.0, 3.0),
        FloatDistribution(1e-5, 1.0, log=True),
        FloatDistribution(0.0, 0.9, step=0.1),
        IntDistribution(1, 512, log=True),
        IntDistribution(2, 10, step=4),
        IntDistribution(4, 4),
        CategoricalDistribution((None, True, "x", 2.5)),
    ],
)
def test_the_unit_interval_covers_a_distribution(distribution):
    values = [from_unit(distribution, place / 2000) for place in range(2001)]
    assert all(distribution._contains(distribution.to_internal_repr(value)) for value in values)
    for value in values[::100]:
        assert from_unit(distribution, to_unit(distribution, value)) == pytest.approx(value)
    if isinstance(distribution, CategoricalDistribution):
        assert {*values} == {*distribution.choices}
    elif distribution.step and not distribution.log:
        share = [values.count(value) for value in {*values}]
        assert max(share) <= 1.2 * min(share)


# Learning


def score(params):
    """Best in `b` at depth 4, without drop, at a rate of 1e-3."""
    rate = -abs(math.log10(params["rate"]) + 3)
    return rate - (5 if params["net"] == "a" else abs(params["b.depth"] - 4))


@pytest.mark.parametrize("name", ["tpe", "cmaes", "ak-greedy", "hyperband"])
def test_it_finds_the_better_branch(name):
    study = search(made(name), 60, score)
    late = [trial.params["net"] for trial in study.trials[-20:]]
    # AutoKeras's draws everything anew in two trials of five, however much it knows.
    assert late.count("b") >= (11 if name == "ak-greedy" else 14)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gp", "kt-bayesian"])
def test_it_finds_the_better_branch_slowly(name):
    if name == "gp":
        pytest.importorskip("torch")
    study = search(made(name), 40, score)
    # KerasTuner's bound is a wide one: it looks at the other branch every fourth time.
    assert [trial.params["net"] for trial in study.trials[-20:]].count("b") >= 12
    assert study.best_value > -1.0


def test_cmaes_moves_towards_the_better_half(monkeypatch):
    monkeypatch.setattr(groups, "STARTUP_TRIALS", 4)
    space = tuple(Parameter(name, FloatDistribution(0.0, 1.0)) for name in "xyz")
    strategy = cmaes.Cmaes()
    strategy.prepare(outline(space))
    study = search(strategy, 120, lambda p: -((p["x"] - 0.9) ** 2) - (p["y"] - 0.1) ** 2, space)
    late = study.trials[-20:]
    assert np.mean([trial.params["x"] for trial in late]) > 0.75
    assert np.mean([trial.params["y"] for trial in late]) < 0.25


# Sobol


def test_qmc_spreads_its_points_whatever_the_samplers_seed():
    space = (Parameter("x", FloatDistribution(0.0, 1.0)), Parameter("y", FloatDistribution(0, 1)))
    strategy = made("qmc", space=space, defaults=({"x": 0.5, "y": 0.5},))
    study = new_study()
    study.tell(ask(strategy, study, space, default={"x": 0.5, "y": 0.5}), 0.5)
    for number in range(16):
        study.tell(ask(strategy, study, space, seed=number), 0.5)
    points = [trial.params for trial in study.trials[1:]]
    for name in ("x", "y"):
        assert sorted(int(point[name] * 16) for point in points) == list(range(16))
    cells = {(int(point["x"] * 4), int(point["y"] * 4)) for point in points}
    assert len(cells) == 16


# Pruners


def test_pruners_know_the_epochs_of_the_search():
    assert isinstance(made("hyperband", epochs=27).pruner(), HyperbandPruner)
    assert made("hyperband", epochs=27).pruner()._max_resource == 27
    assert isinstance(made("asha", epochs=27).pruner(), SuccessiveHalvingPruner)
    assert made("asha", epochs=27).pruner()._min_resource == 3
    assert made("asha", epochs=1).pruner()._min_resource == 1
    assert isinstance(made("kt-hyperband").pruner(), NopPruner)
