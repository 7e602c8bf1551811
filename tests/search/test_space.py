"""What a trial may choose: only what is alive, and nothing that is fixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import FixedTrial
from space_parts import LARGE, SMALL, Dense, Extractor, Fitted, Net, Plain

from automedimg.contracts import AnyHead, Backbone, Space, Weights
from automedimg.search.space import (
    ALL_MODES,
    BackboneOption,
    SearchSpace,
    suggest,
    train_name,
    usable_modes,
)
from automedimg.training.parameters import UNVARIED, fit_space

FIT = {
    "learning_rate": 1e-3,
    "batch_size": 32,
    "optimizer": "adam",
    "weight_decay": 1e-4,
    "loss": "crossentropy",
    "sampling": "none",
    "class_weight": "none",
}


def option(backbone: Backbone, *found: Weights) -> BackboneOption:
    files = tuple((weights, Path(weights.files[0])) for weights in found)
    return BackboneOption(backbone, backbone.space(found), usable_modes(backbone, found), files)


@pytest.fixture
def space() -> SearchSpace:
    backbones = {"net": option(Net(), SMALL, LARGE), "plain": option(Plain())}
    return SearchSpace(backbones, {"dense": Dense()}, searched(), {})


def searched() -> Space:
    """The parameters of training that a search varies without being told to."""
    return {name: entry for name, entry in fit_space().items() if name not in UNVARIED}


def test_a_frozen_network_chooses_nothing_that_only_others_have(space: SearchSpace) -> None:
    fit = {**FIT, "views": 2}
    chosen = {"backbone": "net", "train": "frozen", "net.alpha": 1.0, **fit}
    head = {"dense.hidden": False, "dense.dropout": 0.1}
    trial = FixedTrial(chosen | head)  # raises where it is asked for anything else
    choice = space.choose(trial)
    assert (choice.backbone, choice.head, choice.train) == ("net", "dense", "frozen")
    assert choice.backbone_values == {"alpha": 1.0}
    assert choice.head_values == {"hidden": False, "dropout": 0.1}
    assert choice.fit == fit
    assert choice.params == chosen | head | {"head": "dense"}
    assert trial.params == chosen | head


def test_what_a_choice_brings_to_life_is_chosen_too(space: SearchSpace) -> None:
    asked = {
        "backbone": "net",
        "train": "finetune",
        "net.alpha": 0.35,
        "dense.hidden": True,
        "dense.units": 64,
        "dense.dropout": 0.1,
        "augmentation": 0.5,
        "unfreeze": 0.2,
        **FIT,
    }
    choice = space.choose(FixedTrial(asked))
    assert choice.head_values["units"] == 64
    assert choice.fit == FIT | {"augmentation": 0.5, "unfreeze": 0.2}


def test_what_there_is_no_choice_about_is_recorded_but_not_searched(space: SearchSpace) -> None:
    asked = {
        "backbone": "plain",
        "plain.layers": 1,
        "plain.width": 9,
        "dense.hidden": False,
        "dense.dropout": 0.0,
        "augmentation": 0.0,
        **FIT,
    }
    trial = FixedTrial(asked)
    choice = space.choose(trial)
    assert choice.train == "scratch"
    assert choice.params["train"] == "scratch"
    assert choice.params["head"] == "dense"
    assert choice.backbone_values == {"layers": 1, "width": 9}
    assert not {"head", "plain.train", "train"} & set(trial.params)


def test_fixed_values_are_used_and_not_searched(space: SearchSpace) -> None:
    fixed = {"learning_rate": 0.5, "plain.layers": 3, "dense.hidden": False}
    narrowed = replace(space, fixed=fixed)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    layers = set()
    for _ in range(30):
        trial = study.ask()
        choice = narrowed.choose(trial)
        assert not set(fixed) & set(trial.params)
        assert choice.fit["learning_rate"] == 0.5
        assert choice.params["learning_rate"] == 0.5
        assert "units" not in choice.head_values
        if choice.backbone == "plain":
            layers.add(choice.backbone_values["layers"])
            assert "kernel" in choice.backbone_values
    assert layers == {3}


def test_every_trial_keeps_to_the_declared_distributions(space: SearchSpace) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    known = space.distributions()
    seen: set[str] = set()
    for _ in range(60):
        trial = study.ask()
        space.choose(trial)
        seen |= set(trial.distributions)
        assert all(known[name] == drawn for name, drawn in trial.distributions.items())
    assert seen == set(known) - {"head", "plain.train"}


@pytest.mark.parametrize(
    ("backbone", "found", "modes"),
    [
        (Net(), [SMALL], ("frozen", "finetune", "scratch")),
        (Net(), [], ("scratch",)),
        (Plain(), [], ("scratch",)),
        (Extractor(), [], ("frozen", "scratch")),
    ],
)
def test_pretrained_modes_need_weights(
    backbone: Backbone, found: list[Weights], modes: tuple[str, ...]
) -> None:
    assert usable_modes(backbone, found) == modes


def test_only_backbones_with_all_modes_share_a_parameter() -> None:
    assert train_name("net", ALL_MODES) == "train"
    assert train_name("net", ("frozen", "scratch")) == "net.train"
    assert train_name("net", ("scratch",)) == "net.train"


def test_the_weight_file_fits_the_values() -> None:
    net = option(Net(), SMALL, LARGE)
    assert net.weights_for({"alpha": 1.0, "other": 2}) == Path("large.h5")
    assert net.weights_for({"alpha": 0.35}) == Path("small.h5")
    assert net.weights_for({"alpha": 0.5}) is None
    assert option(Plain()).weights_for({}) is None


def test_the_description_stays_while_the_space_does(space: SearchSpace) -> None:
    backbones = {"net": option(Net(), SMALL, LARGE), "plain": option(Plain())}
    same = SearchSpace(backbones, {"dense": Dense()}, searched(), {})
    assert same.describe() == space.describe()


def test_the_description_changes_with_whatever_can_be_chosen(space: SearchSpace) -> None:
    net, plain = space.backbones["net"], space.backbones["plain"]
    wider = dict(plain.space) | {"width": IntDistribution(8, 65, log=True)}
    others = [
        space,
        replace(space, backbones={"net": net}),
        replace(space, backbones={"net": net, "plain": replace(plain, space=wider)}),
        replace(space, backbones={"net": replace(net, modes=("frozen",)), "plain": plain}),
        replace(space, backbones={"net": option(Net(), SMALL), "plain": plain}),
        replace(space, heads={"other": Dense()}),
        replace(space, fit={**fit_space(), "batch_size": CategoricalDistribution((16,))}),
        replace(space, fixed={"learning_rate": 0.1}),
        replace(space, fixed={"learning_rate": 0.2}),
    ]
    assert len({str(other.describe()) for other in others}) == len(others)


@pytest.mark.parametrize(
    ("distribution", "value"),
    [
        (IntDistribution(2, 10, step=2), 4),
        (IntDistribution(1, 64, log=True), 64),
        (optuna.distributions.FloatDistribution(0, 1, step=0.25), 0.75),
        (optuna.distributions.FloatDistribution(1e-5, 1, log=True), 1e-5),
        (CategoricalDistribution((True, None, "a")), None),
    ],
)
def test_suggestions_keep_step_and_scale(distribution: Any, value: Any) -> None:
    study = optuna.create_study()
    study.enqueue_trial({"x": value})
    trial = study.ask()
    assert suggest(trial, "x", distribution) == value
    assert trial.distributions["x"] == distribution


def mixed() -> SearchSpace:
    """Backbones with all modes, with some, and with one; a fixed parent of a conditional value."""
    backbones = {
        "net": option(Net(), SMALL, LARGE),
        "second": option(Net(), LARGE),
        "plain": option(Plain()),
        "extractor": option(Extractor()),
    }
    return SearchSpace(backbones, {"dense": Dense(), "other": Dense()}, fit_space(), {})


HEADS: dict[str, dict[str, AnyHead]] = {
    "trained": {"dense": Dense(), "other": Dense()},
    "one fitted": {"dense": Dense(), "other": Dense(), "svm": Fitted()},
    "one trained": {"dense": Dense(), "svm": Fitted()},
    "two of each": {"dense": Dense(), "svm": Fitted(), "other": Dense(), "forest": Fitted()},
    "all fitted": {"forest": Fitted(), "svm": Fitted()},
    "only a fitted one": {"svm": Fitted()},
}


FIXED: list[dict[str, Any]] = [
    {},
    {"loss": "focal"},
    {"loss": "crossentropy"},
    {"sampling": "none", "plain.layers": 1},
]


@pytest.mark.parametrize(
    ("heads", "fixed"),
    [*(("trained", fixed) for fixed in FIXED), *((heads, FIXED[-1]) for heads in HEADS)],
)
@pytest.mark.parametrize("names", [(), ("net",), ("net", "second"), ("plain", "extractor")])
def test_strategies_are_told_of_exactly_what_is_searched(
    fixed: dict[str, Any], names: tuple[str, ...], heads: str
) -> None:
    """What `choose` asks for is what `parameters` says is active, whatever was chosen."""
    space = replace(mixed(), heads=HEADS[heads])
    kept = {name: space.backbones[name] for name in names or space.backbones}
    if not space.trained_heads:
        frozen = {n: replace(o, modes=("frozen",)) for n, o in kept.items() if "frozen" in o.modes}
        kept, fixed = frozen, {}
    known = {name: value for name, value in fixed.items() if "." not in name or "plain" in kept}
    space = replace(space, backbones=kept, fixed=known)
    parameters = space.parameters()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    seen: set[str] = set()
    for _ in range(90):
        trial = study.ask()
        space.choose(trial)
        active = {p.name for p in parameters if p.active(trial.params)}
        assert active == set(trial.params)
        assert all(
            trial.distributions[p.name] == p.distribution for p in parameters if p.name in active
        )
        seen |= active
    assert seen == {parameter.name for parameter in parameters}


@pytest.mark.parametrize("heads", HEADS.values(), ids=HEADS)
def test_parents_stand_before_what_depends_on_them(heads: dict[str, AnyHead]) -> None:
    parameters = replace(mixed(), heads=heads).parameters()
    names = [parameter.name for parameter in parameters]
    for parameter in parameters:
        for way in parameter.when:
            assert all(names.index(parent) < names.index(parameter.name) for parent in way)


def with_fitted(*trained: str) -> SearchSpace:
    heads: dict[str, AnyHead] = {name: Dense() for name in trained}
    return replace(mixed(), heads={**heads, "svm": Fitted()})


def test_a_fitted_head_has_nothing_of_training_by_gradients() -> None:
    asked = {"backbone": "net", "train": "frozen", "net.alpha": 1.0, "head": "svm", "views": 2}
    head = {"svm.kernel": "linear", "svm.class_weight": "balanced"}
    choice = with_fitted("dense").choose(FixedTrial(asked | head))  # raises where it is asked more
    assert choice.fit == {"views": 2}
    assert choice.head_values == {"kernel": "linear", "class_weight": "balanced"}
    assert choice.params == asked | head


def test_what_is_trained_gets_a_head_that_can_be_trained() -> None:
    fit = {**FIT, "augmentation": 0.1, "unfreeze": 0.5}
    asked = {"backbone": "net", "train": "finetune", "net.alpha": 1.0, "trained.head": "other"}
    head = {"other.hidden": False, "other.dropout": 0.1}
    choice = with_fitted("dense", "other").choose(FixedTrial(asked | head | fit))
    assert choice.head == choice.params["head"] == "other"
    # Where there is only one, there is nothing to choose.
    del asked["trained.head"]
    head = {"dense.hidden": False, "dense.dropout": 0.1}
    choice = with_fitted("dense").choose(FixedTrial(asked | head | fit))
    assert choice.head == choice.params["head"] == "dense"


def test_every_trial_with_fitted_heads_keeps_to_the_declared_distributions() -> None:
    space = with_fitted("dense", "other")
    known = space.distributions()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    chosen = set()
    for _ in range(80):
        trial = study.ask()
        choice = space.choose(trial)
        chosen.add((choice.train == "frozen", choice.head))
        assert all(known[name] == drawn for name, drawn in trial.distributions.items())
    trained = {(False, "dense"), (False, "other")}
    assert chosen == trained | {(True, "dense"), (True, "other"), (True, "svm")}


def test_with_fitted_heads_alone_training_has_no_parameters() -> None:
    space = replace(mixed(), heads={"svm": Fitted()})
    assert set(fit_space()) & set(space.distributions()) == {"views"}
