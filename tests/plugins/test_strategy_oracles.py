"""KerasTuner's and AutoKeras's oracles, driven from the ledger."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState
from strategy_parts import SPACE, ask, made, new_study, search

from automedimg.contracts import Parameter
from automedimg.training.backend import prepare_backend

prepare_backend()

from automedimg_strategies.ak_greedy import path_of  # noqa: E402
from automedimg_strategies.axes import random_values  # noqa: E402
from automedimg_strategies.kt_brackets import PLACE  # noqa: E402
from automedimg_strategies.kt_space import Translation  # noqa: E402

TINY = (Parameter("x", CategoricalDistribution(("p", "q"))),)


def test_values_survive_the_translation():
    translation = Translation(SPACE)
    draw = np.random.default_rng(1).random
    for _ in range(50):
        values = random_values(SPACE, draw, {})
        encoded = translation.encode(values)
        assert translation.decode(encoded) == pytest.approx(values)
        known = translation.holding(values)
        active = {hp.name for hp in known.space if known.is_active(hp)}
        assert active == set(encoded) == set(values)


def test_values_past_an_end_are_brought_back():
    decoded = Translation(SPACE).decode({"net": 0, "a.width": 65, "a.kind": 0, "b.depth": 3})
    assert decoded == {"net": "a", "a.width": 64, "a.kind": None}


# Hyperband


def run_bracket(strategy, study, num, score=lambda params: params["rate"]):
    for _ in range(num):
        trial = ask(strategy, study)
        study.tell(trial, score(trial.params))
    return [strategy.epochs(study, number) for number in range(num)]


def test_a_bracket_trains_few_epochs_first_and_the_best_again_for_more():
    strategy, study = made("kt-hyperband", epochs=9), new_study()
    # Of KerasTuner's sizes for 9 epochs: 9, 3 and 1 configurations, then 5 and 2, then 3.
    epochs = run_bracket(strategy, study, 13)
    assert epochs == [1] * 9 + [3] * 3 + [9]
    trials = study.trials
    best = sorted(trials[:9], key=lambda trial: -trial.value)[:3]
    assert [trial.params for trial in trials[9:12]] == [trial.params for trial in best]
    assert trials[12].params == best[0].params
    assert trials[12].system_attrs[PLACE]["past"] == "9"
    assert strategy.epochs(study, 13 - 1) == made("kt-hyperband").epochs(study, 12)


def test_brackets_follow_each_other():
    strategy, study = made("kt-hyperband", epochs=9), new_study()
    epochs = run_bracket(strategy, study, 13 + 5 + 2 + 3 + 9)
    assert epochs[13:] == [3] * 5 + [9] * 2 + [9] * 3 + [1] * 9


def test_parallel_workers_never_wait_and_get_no_configuration_twice():
    strategy, study = made("kt-hyperband", epochs=9), new_study()
    trials = [ask(strategy, study) for _ in range(16)]
    assert [strategy.epochs(study, number) for number in range(16)] == [1] * 9 + [3] * 5 + [9] * 2
    for trial in trials[:9]:
        study.tell(trial, trial.params["rate"])
    promoted = ask(strategy, study)
    assert study.trials[promoted.number].system_attrs[PLACE]["past"] is not None
    assert strategy.epochs(study, promoted.number) == 3


def test_a_rung_of_failures_goes_on_without_them():
    strategy, study = made("kt-hyperband", epochs=9), new_study()
    for number in range(9):
        trial = ask(strategy, study)
        if number < 7:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, float(number))
    promoted = ask(strategy, study)
    assert promoted.params == study.trials[8].params


def test_defaults_stand_outside_of_the_brackets_and_train_in_full():
    default = {"net": "b", "b.depth": 1, "rate": 1e-2}
    strategy, study = made("kt-hyperband", epochs=9, defaults=(default,)), new_study()
    study.tell(ask(strategy, study, default=default), 0.5)
    assert strategy.epochs(study, 0) is None
    assert run_bracket(strategy, study, 10)[1:] == [1] * 9


@pytest.mark.parametrize("name", ["kt-hyperband", "ak-greedy"])
def test_a_space_that_was_seen_is_exhausted(name):
    strategy, study = made(name, space=TINY, epochs=1), new_study()
    assert not strategy.exhausted(study)
    study.tell(ask(strategy, study, TINY), 0.5)
    assert not strategy.exhausted(study)
    study.tell(ask(strategy, study, TINY), 0.6)
    assert {trial.params["x"] for trial in study.trials} == {"p", "q"}
    assert strategy.exhausted(study)
    assert ask(strategy, study, TINY).params["x"] in {"p", "q"}


# Greedy


def test_names_become_paths():
    assert path_of("mobilenetv2.alpha", chosen=False) == "mobilenetv2/alpha"
    assert path_of("backbone", chosen=True) == "components/backbone"
    assert path_of("learning_rate", chosen=False) == "training/learning_rate"


def test_greedy_keeps_most_of_the_best_trial():
    study = search(made("ak-greedy"), 10, lambda params: params["net"] == "b")
    best, strategy = study.best_params, made("ak-greedy")
    kept = 0
    for seed in range(20):
        params = ask(strategy, study, seed=seed).params
        kept += sum(params.get(name) == value for name, value in best.items()) >= len(best) - 1
    assert 6 <= kept < 20


def test_greedy_leaves_numpys_own_state_alone():
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    search(made("ak-greedy"), 3, lambda params: 0.5)
    assert np.random.random() == expected


@pytest.mark.parametrize("name", ["kt-hyperband", "ak-greedy"])
def test_nothing_is_written_or_printed(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    study = search(made(name), 12, lambda params: None if params["net"] == "a" else 0.5)
    assert len(study.trials) == 12  # however many failed in a row
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
