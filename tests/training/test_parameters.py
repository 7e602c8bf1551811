"""What a trial chooses about training: no correction of imbalance twice, defaults that exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FixedTrial

from automedimg.contracts import distribution_of, is_active
from automedimg.search.space import suggest
from automedimg.training.parameters import fit_defaults, fit_space


def choose(trial: Any, train: str = "frozen") -> Mapping[str, Any]:
    chosen: dict[str, Any] = {"train": train}
    for name, entry in fit_space().items():
        if is_active(entry, chosen):
            chosen[name] = suggest(trial, name, distribution_of(entry))
    return chosen


def test_imbalance_is_corrected_once_at_most() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(80):
        chosen = choose(study.ask())
        seen.add((chosen["sampling"], chosen.get("class_weight")))
    assert seen == {
        ("none", "none"),
        ("none", "balanced"),
        ("oversample", None),
        ("undersample", None),
    }


def test_gamma_is_chosen_for_focal_loss_only() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials = [choose(study.ask()) for _ in range(40)]
    assert {chosen["loss"] for chosen in trials} == {"crossentropy", "focal"}
    assert all(("focal_gamma" in chosen) == (chosen["loss"] == "focal") for chosen in trials)
    assert all(0.5 <= chosen.get("focal_gamma", 1) <= 5 for chosen in trials)


def test_every_parameter_has_a_default_that_may_be_chosen() -> None:
    defaults = fit_defaults()
    assert set(defaults) == set(fit_space())
    for name, entry in fit_space().items():
        distribution = distribution_of(entry)
        assert distribution._contains(distribution.to_internal_repr(defaults[name]))


def test_the_defaults_leave_the_data_as_they_are() -> None:
    chosen = choose(FixedTrial(dict(fit_defaults())), "finetune")
    assert (chosen["loss"], chosen["sampling"], chosen["class_weight"]) == (
        "crossentropy",
        "none",
        "none",
    )
