"""How a user narrows the space, and what is tried first in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import FixedTrial
from space_parts import LARGE, SMALL, Extractor, Net, Plain, catalog_of

from automedimg.contracts import Notice, When
from automedimg.errors import ConfigurationError, PluginError, UnknownNameError
from automedimg.registry import Catalog
from automedimg.search.first_guesses import default_choices
from automedimg.search.narrowing import Wanted, build_space
from automedimg.search.space import SearchSpace
from automedimg.search.weights import WeightStore
from automedimg.training.parameters import UNVARIED, fit_defaults


class Builder:
    """Builds spaces with weight files in a folder; keeps what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: list[Notice] = []
        self.catalog: Catalog = catalog_of(net=Net, plain=Plain)
        self.preprocessings: tuple[str, ...] = ("stretch",)
        self.weights: str | None = None
        self.image_size: int | None = None
        self.vary: tuple[str, ...] = ()

    def have(self, *weights: Any) -> None:
        for found in weights:
            (self.folder / found.files[0]).touch()

    def __call__(self, *backbones: str, heads: tuple[str, ...] = (), **fix: Any) -> SearchSpace:
        dotted = {name.replace("__", "."): value for name, value in fix.items()}
        store = WeightStore([self.folder], download=False)
        wanted = Wanted(
            backbones,
            heads,
            dotted,
            self.preprocessings,
            image_size=self.image_size,
            weights=self.weights,
            vary=self.vary,
        )
        return build_space(self.catalog, wanted, store, self.heard.append)


def fixed(space: SearchSpace) -> dict[str, Any]:
    """What is fixed beside the only way that images are formed."""
    return {name: value for name, value in space.fixed.items() if name != "preprocessing"}


@pytest.fixture
def build(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


def test_all_components_are_taken_by_default(build: Builder) -> None:
    build.have(SMALL, LARGE)
    space = build()
    assert list(space.backbones) == ["net", "plain"]
    assert list(space.heads) == ["dense"]
    assert fixed(space) == {}
    assert build.heard == []


def test_named_backbones_only(build: Builder) -> None:
    assert list(build("plain").backbones) == ["plain"]
    with pytest.raises(UnknownNameError, match="unknown backbone `nett`"):
        build("nett")
    with pytest.raises(UnknownNameError, match="unknown head `dens`"):
        build(heads=("dens",))


def test_what_is_not_default_is_taken_if_it_is_named(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, rare=Net)
    build.have(SMALL)
    assert list(build().backbones) == ["net"]
    assert list(build("rare").backbones) == ["rare"]
    assert list(build("net", heads=("rare", "dense")).heads) == ["rare", "dense"]


def test_all_takes_everything_that_can_be_used(build: Builder) -> None:
    def broken() -> Net:
        raise ImportError("no module torch", name="torch")

    build.catalog = catalog_of(net=Net, rare=Net, broken=broken, plain=Plain)
    build.have(SMALL)
    space = build("all", heads=("all",))
    assert list(space.backbones) == ["net", "plain", "rare"]
    assert list(space.heads) == ["dense", "rare"]
    assert ["broken" in notice.text for notice in build.heard] == [True]
    assert list(build("all", train="frozen").backbones) == ["net", "rare"]  # plain can't: left out


def test_no_weights_are_looked_for_of_what_is_not_considered(build: Builder) -> None:
    class Rare(Net):
        def weights(self) -> Any:
            raise AssertionError("nobody asked for it")

    build.catalog = catalog_of(net=Net, rare=Rare)
    assert list(build().backbones) == ["net"]
    with pytest.raises(AssertionError):
        build("rare")


def test_without_any_default_one_has_to_be_named(build: Builder) -> None:
    build.catalog = catalog_of(rare=Net)
    with pytest.raises(ConfigurationError, match="no backbone is considered") as caught:
        build()
    assert "--backbones" in (caught.value.hint or "")


class Choosy(Net):
    """A network that takes no small images."""

    min_side = 75


def test_what_takes_no_images_of_this_size_is_left_out_unless_asked_for(build: Builder) -> None:
    build.catalog = catalog_of(choosy=Choosy, plain=Plain)
    build.image_size = 64
    assert list(build().backbones) == ["plain"]
    assert any("64 pixels are too small for choosy (at least 75)" in n.text for n in build.heard)
    assert list(build("all").backbones) == ["plain"]
    with pytest.raises(ConfigurationError, match="too small for choosy") as caught:
        build("choosy", "plain")
    assert "--image-size 75" in (caught.value.hint or "")
    build.image_size = 75
    assert list(build().backbones) == ["choosy", "plain"]


def test_missing_weights_leave_scratch_and_a_loud_notice(build: Builder) -> None:
    space = build()
    assert space.backbones["net"].modes == ("scratch",)
    (notice,) = build.heard
    assert notice.important
    assert "NO PRETRAINED WEIGHTS for net:" in notice.text


def test_a_backbone_offers_only_what_its_weights_fit(build: Builder) -> None:
    build.have(LARGE)
    option = build().backbones["net"]
    assert [weights for weights, _ in option.weights] == [LARGE]
    assert option.space["alpha"].choices == (1.0,)  # type: ignore[union-attr]
    assert option.modes == ("frozen", "finetune", "scratch")


def test_a_backbone_that_can_not_be_loaded_is_left_out_unless_asked_for(build: Builder) -> None:
    def broken() -> Net:
        raise ImportError("no module torch", name="torch")

    build.catalog = catalog_of(broken=broken, plain=Plain)
    assert list(build().backbones) == ["plain"]
    (notice,) = build.heard
    assert notice.important
    assert "broken" in notice.text
    with pytest.raises(PluginError, match="`broken` can't be loaded"):
        build("broken", "plain")


def test_a_bare_name_is_fixed_wherever_it_is(build: Builder) -> None:
    build.have(SMALL, LARGE)
    assert fixed(build(alpha="1.0")) == {"net.alpha": 1.0}
    assert fixed(build(learning_rate="1e-4")) == {"learning_rate": 1e-4}
    build.catalog = catalog_of(net=Net, twin=Net)
    alone = {"net.alpha": 0.35, "twin.alpha": 0.35}
    assert fixed(build("net", "twin", alpha="0.35")) == alone
    beside = {f"net+twin.{name}": value for name, value in alone.items()}
    assert fixed(build(alpha="0.35")) == alone | beside


def test_a_qualified_name_is_fixed_there_only(build: Builder) -> None:
    build.have(SMALL, LARGE)
    build.catalog = catalog_of(net=Net, twin=Net)
    assert fixed(build("net", "twin", twin__alpha="0.35")) == {"twin.alpha": 0.35}
    assert fixed(build(dense__units="100")) == {"dense.units": 100}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("hidden", "true", True),
        ("hidden", "False", False),
        ("hidden", True, True),
        ("batch_size", "64", 64),
        ("batch_size", 64, 64),
        ("batch_size", "48", 48),
        ("schedule", "plateau", "plateau"),
        ("momentum", "0", 0.0),
        ("nesterov", "false", False),
        ("loss", "binary_crossentropy", "binary_crossentropy"),
        ("changes", "flip + rotation:90", "flip+rotation:90"),
        ("views", "8", 8),
        ("optimizer", "sgd", "sgd"),
        ("units", "2000", 2000),
        ("learning_rate", "1", 1.0),
        ("learning_rate", 0.5, 0.5),
    ],
)
def test_values_take_the_type_of_the_parameter(
    build: Builder, name: str, given: Any, value: Any
) -> None:
    (found,) = fixed(build("plain", **{name: given})).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("units", "many", "expected a whole number"),
        ("units", "32.5", "expected a whole number"),
        ("units", True, "expected a whole number"),
        ("learning_rate", "fast", "expected a number"),
        ("learning_rate", "true", "expected a number"),
        ("optimizer", "adamw", "expected one of"),
        ("batch_size", "0", "expected a whole number, 1 or more"),
        ("batch_size", "1.5", "expected a whole number"),
        ("schedule", "linear", "expected one of"),
        ("loss", "hinge", "expected one of"),
        ("momentum", "1", "expected a number from 0"),
        ("plateau_patience", "0", "expected a whole number, 1 or more"),
        ("changes", "flop", "expected some of flip, vertical_flip, rotation"),
    ],
)
def test_a_wrong_value_says_what_was_expected(
    build: Builder, name: str, given: Any, expected: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"`{name}`: got `{given}`.*, {expected}"):
        build("plain", **{name: given})


def drawn(space: SearchSpace) -> set[str]:
    """What 30 random trials ask Optuna for."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found: set[str] = set()
    for _ in range(30):
        trial = study.ask()
        space.choose(trial)
        found |= set(trial.params)
    return found


def test_a_search_leaves_alone_what_it_is_not_told_to_vary(build: Builder) -> None:
    space = build("plain")
    assert not set(UNVARIED) & drawn(space)
    assert not set(UNVARIED) & {parameter.name for parameter in space.parameters()}
    choice = build("plain", optimizer="sgd").choose(optuna.create_study().ask())
    assert (
        choice.fit | {"schedule": "cosine", "momentum": 0.9, "nesterov": True, "changes": "all"}
        == choice.fit
    )
    assert "plateau_patience" not in choice.fit
    assert not set(UNVARIED) & set(choice.params)
    assert space.describe()["schedule"] == "fixed at cosine"


def test_what_is_to_be_varied_is_searched(build: Builder) -> None:
    build.vary = ("schedule", "plateau_patience", "momentum")
    space = build("plain")
    searched = {parameter.name for parameter in space.parameters()}
    assert {"schedule", "plateau_patience", "momentum"} <= drawn(space)
    assert searched & set(UNVARIED) == drawn(space) & set(UNVARIED) == set(build.vary)
    build.vary = ("changes", "loss", "shedule")
    with pytest.raises(ConfigurationError, match="can't vary `loss`, `shedule`"):
        build("plain")


def test_what_is_fixed_is_fixed_whatever_is_to_be_varied(build: Builder) -> None:
    build.vary = ("schedule",)
    space = build("plain", schedule="plateau", plateau_patience=2)
    choice = space.choose(optuna.create_study().ask())
    assert (choice.fit["schedule"], choice.fit["plateau_patience"]) == ("plateau", 2)
    assert choice.params["schedule"] == "plateau"


@pytest.mark.parametrize("given", ["NaN", "Infinity", float("nan")])
def test_what_is_no_number_is_refused(build: Builder, given: Any) -> None:
    with pytest.raises(ConfigurationError, match="learning_rate"):
        build("plain", learning_rate=given)


class Wordy(Net):
    """A network one of whose choices is open: any even number as text."""

    def space(self, weights: Any) -> Any:
        return {
            "shape": CategoricalDistribution(("2", "4")),
            "closed": CategoricalDistribution(("a", "b")),
            "more": When("shape", ("4", "100"), CategoricalDistribution((1, 2))),
        }

    def accept(self, name: str, value: Any) -> Any:
        if name != "shape":
            return super().accept(name, value)
        if not str(value).isdigit() or int(value) % 2:
            raise ValueError("an even number")
        return str(int(value))


def test_a_component_may_accept_more_than_its_choices(build: Builder) -> None:
    build.catalog = catalog_of(wordy=Wordy)
    assert fixed(build(shape=" 2".strip())) == {"wordy.shape": "2"}
    assert fixed(build(wordy__shape="0100")) == {"wordy.shape": "100"}
    assert fixed(build(shape=8)) == {"wordy.shape": "8"}  # from a script
    alive = {p.name for p in build(shape="100").parameters()}
    assert "wordy.more" in alive
    assert "wordy.more" not in {p.name for p in build(shape="8").parameters()}


def test_what_a_component_does_not_accept_is_told_with_its_choices(build: Builder) -> None:
    build.catalog = catalog_of(wordy=Wordy)
    expected = r"`shape`: got `3`, expected one of \['2', '4'\], or an even number"
    with pytest.raises(ConfigurationError, match=expected):
        build(shape="3")
    with pytest.raises(ConfigurationError, match="`closed`: got `c`, expected one of") as caught:
        build(closed="c")
    assert caught.value.message.endswith("]")  # and nothing else is taken


def test_everything_that_can_not_be_fixed_is_said_at_once(build: Builder) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build("plain", unitz="1", layers="deep", learning_rate="1e-3", net__alpha="1.0")
    message, hint = caught.value.message, caught.value.hint or ""
    assert "unknown parameter `unitz`" in message
    assert "unknown parameter `net.alpha`" in message
    assert "`layers`: got `deep`" in message
    assert "learning_rate" not in message
    assert "units" in hint
    assert "layers" in hint
    assert "backbone" not in hint


def test_one_preprocessing_is_fixed_and_several_are_searched(build: Builder) -> None:
    build.preprocessings = ("crop",)
    assert build().fixed == {"preprocessing": "crop"}
    build.preprocessings = ("stretch", "crop+pad")
    space = build()
    assert "preprocessing" not in space.fixed
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    chosen = {space.choose(study.ask()).fit["preprocessing"] for _ in range(20)}
    assert chosen == {"stretch", "crop+pad"}
    assert build(preprocessing="crop+pad").fixed == {"preprocessing": "crop+pad"}
    with pytest.raises(ConfigurationError, match="`preprocessing`: got `pad`, expected one of"):
        build(preprocessing="pad")


def test_fixing_how_to_train_leaves_out_who_can_not(build: Builder) -> None:
    build.have(SMALL)
    space = build(train="frozen")
    assert list(space.backbones) == ["net"]
    assert space.backbones["net"].modes == ("frozen",)
    (notice,) = build.heard
    assert notice.text.startswith("plain can't be trained as `frozen`")
    assert list(build(train="scratch").backbones) == ["net", "plain"]


def test_fixing_how_to_train_is_an_error_where_that_was_insisted_on(build: Builder) -> None:
    build.have(SMALL)
    with pytest.raises(ConfigurationError, match="can't train plain as `frozen`") as caught:
        build("net", "plain", train="frozen")
    assert "--weights-dir" in (caught.value.hint or "")


def test_nobody_can_be_trained_that_way(build: Builder) -> None:
    with pytest.raises(ConfigurationError, match="can't train net, plain as `finetune`"):
        build(train="finetune")


def test_an_unknown_way_to_train_is_named(build: Builder) -> None:
    with pytest.raises(ConfigurationError, match="`thawed` of `train`; expected frozen, finetune"):
        build(train="thawed")


def test_a_fixed_way_to_train_is_how_every_trial_trains(build: Builder) -> None:
    build.have(SMALL, LARGE)
    space = build(train="frozen")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert {space.choose(study.ask()).train for _ in range(10)} == {"frozen"}


def test_the_way_to_train_one_backbone_is_honoured_or_refused(build: Builder) -> None:
    build.catalog = catalog_of(extractor=Extractor)
    try:
        space = build(extractor__train="scratch")
    except ConfigurationError:
        return
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert {space.choose(study.ask()).train for _ in range(10)} == {"scratch"}


def test_the_cheap_defaults_come_first(build: Builder) -> None:
    build.have(SMALL, LARGE)
    choices = default_choices(build(), fit_defaults())
    trains = [choice.get("train", choice.get("plain.train")) for choice in choices]
    assert trains == ["frozen"] * 4 + ["finetune", "scratch"]
    hidden = [choice["dense.hidden"] for choice in choices]
    assert hidden == [True, True, False, False, True, True]
    assert [choice["net.alpha"] for choice in choices[:4]] == [0.35, 1.0, 0.35, 1.0]
    assert choices[4]["learning_rate"] == 1e-4  # the backbone's word goes before the general one
    assert choices[0]["learning_rate"] == 1e-3
    assert choices[5]["plain.kernel"] == 3


def test_every_default_is_a_possible_trial(build: Builder) -> None:
    build.have(SMALL, LARGE)
    space = build()
    known = space.distributions()
    for chosen in default_choices(space, fit_defaults()):
        assert set(chosen) <= set(known)
        for name, value in chosen.items():
            assert known[name]._contains(known[name].to_internal_repr(value))
        choice = space.choose(FixedTrial(chosen))
        assert choice.backbone == chosen["backbone"]
        assert choice.head_values["dropout"] == chosen["dense.dropout"]


def test_defaults_leave_out_what_is_fixed_or_not_offered(build: Builder) -> None:
    build.have(SMALL)
    space = build(dropout="0.3", learning_rate="0.01")
    choices = default_choices(space, fit_defaults())
    assert not any({"dense.dropout", "learning_rate"} & set(choice) for choice in choices)
    finetuned = [choice for choice in choices if choice.get("train") == "finetune"]
    assert len(finetuned) == 1
    assert "net.alpha" not in finetuned[0]  # 1.0 has no weights here


def test_defaults_of_another_way_to_train_are_left_out(build: Builder) -> None:
    build.have(SMALL)
    choices = default_choices(build("net", train="frozen"), fit_defaults())
    assert len(choices) == 2
    assert all(choice["net.train"] == "frozen" for choice in choices)
    build.catalog = catalog_of(extractor=Extractor)
    assert default_choices(build(), fit_defaults()) == []


def test_a_default_is_trained_in_the_mode_that_is_left(build: Builder) -> None:
    build.weights = "none"
    (choice,) = default_choices(build("net", train="frozen", alpha=1.0), fit_defaults())[:1]
    assert choice["net.train"] == "frozen"
    assert choice["learning_rate"] == 1e-4  # of the default, which is for fine-tuning


def test_random_weights_can_be_frozen_and_no_file_is_looked_for(build: Builder) -> None:
    build.have(SMALL)
    build.weights = "none"
    option = build("net").backbones["net"]
    assert option.modes == ("frozen", "finetune", "scratch")
    assert option.weights == ()
    assert option.weights_for({"alpha": 0.35}) is None
    assert build.heard == []


def test_a_source_of_weights_is_taken_by_name(build: Builder) -> None:
    build.have(SMALL)
    build.weights = "imagenet"
    assert [weights for weights, _ in build("net").backbones["net"].weights] == [SMALL]
    build.weights = "radimagenet"
    assert build("net").backbones["net"].modes == ("scratch",)
    assert "NO PRETRAINED WEIGHTS" in build.heard[-1].text


def test_a_file_is_taken_for_the_weights_that_fit(build: Builder, tmp_path: Path) -> None:
    file = tmp_path / "mine.weights.h5"
    file.touch()
    build.weights = str(file)
    option = build("net", alpha="1.0").backbones["net"]
    assert option.weights == ((LARGE, file),)
    assert option.weights_for({"alpha": 1.0}) == file


def test_fitted_heads_alone_leave_what_can_be_frozen(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, plain=Plain, fitted=["svm"])
    build.have(SMALL)
    space = build(heads=("svm",))
    assert {name: option.modes for name, option in space.backbones.items()} == {"net": ("frozen",)}
    with pytest.raises(ConfigurationError, match="plain as `frozen`, and `svm` can be fitted to"):
        build("net", "plain", heads=("svm",))
    with pytest.raises(ConfigurationError, match="unknown parameter `learning_rate`"):
        build(heads=("svm",), learning_rate="0.1")


def test_fitted_heads_go_where_no_backbone_can_be_frozen(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, plain=Plain, fitted=["svm"])
    assert list(build().heads) == ["dense"]  # there are no weights
    with pytest.raises(ConfigurationError, match="`svm` can only be fitted to a frozen backbone"):
        build(heads=("dense", "svm"))


def test_class_weights_are_fixed_for_all_who_weigh(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, fitted=["svm"])
    build.have(SMALL)
    space = build(class_weight="balanced")
    assert fixed(space) == {"class_weight": "balanced", "svm.class_weight": "balanced"}


@pytest.mark.parametrize("heads", [(), ("svm",)])
def test_balanced_classes_are_weighed_by_nobody(build: Builder, heads: tuple[str, ...]) -> None:
    build.catalog = catalog_of(net=Net, fitted=["svm"])
    build.have(SMALL)
    store = WeightStore([build.folder], download=False)
    wanted = Wanted(heads=heads, balanced=True)
    space = build_space(build.catalog, wanted, store, build.heard.append)
    trained = {} if heads else {"sampling": "none", "class_weight": "none"}
    assert fixed(space) == {"svm.class_weight": "none", **trained}


class Second(Net):
    def weights(self) -> Any:
        return (replace(SMALL, files=("second.h5",)),)


def test_two_pretrained_networks_are_also_offered_side_by_side(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, second=Second, plain=Plain)
    build.have(SMALL, LARGE)
    assert list(build().backbones) == ["net", "plain", "second"]
    (build.folder / "second.h5").touch()
    space = build()
    assert list(space.backbones) == ["net", "plain", "second", "net+second"]
    assert space.backbones["net+second"].modes == ("frozen",)
    assert list(build("net", "second").backbones) == ["net", "second"]
    assert "net+second" not in build(train="scratch").backbones
    chosen = [c for c in default_choices(space, fit_defaults()) if c["backbone"] == "net+second"]
    # The first frozen default of each, with either guess of the head.
    assert [choice["net+second.net.alpha"] for choice in chosen] == [0.35, 0.35]
    assert [choice["net+second.second.alpha"] for choice in chosen] == [0.35, 0.35]
    assert [choice["dense.hidden"] for choice in chosen] == [True, False]


def test_a_trial_of_two_names_the_weights_of_each(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, second=Second)
    build.have(SMALL, LARGE)
    (build.folder / "second.h5").touch()
    space = build("second+net", alpha="0.35")
    names = ["second+net.second.alpha", "second+net.net.alpha"]
    assert fixed(space) == dict.fromkeys(names, 0.35)
    option = space.backbones["second+net"]
    values = {"second.alpha": 0.35, "net.alpha": 1.0}
    files = {"second": "second.h5", "net": "large.h5"}
    assert option.part_weights(values) == {n: str(build.folder / f) for n, f in files.items()}
    assert option.weights_for(values) is None
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    choice = build("second+net").choose(study.ask())
    assert set(choice.backbone_values) == {"second.alpha", "net.alpha"}
    assert choice.train == "frozen"


def test_a_pair_needs_the_weights_of_both(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, second=Second, plain=Plain)
    build.have(SMALL)
    with pytest.raises(ConfigurationError, match="`net\\+second` needs pretrained weights of each"):
        build("net+second")
    with pytest.raises(ConfigurationError, match="`plain` can't stand in"):
        build("net+plain")
    with pytest.raises(UnknownNameError, match="unknown backbone `secnd`"):
        build("net+secnd")


def test_each_head_is_tried_with_a_frozen_backbone(build: Builder) -> None:
    build.catalog = catalog_of(net=Net, plain=Plain, fitted=["svm"])
    build.have(LARGE)
    space = build()
    choices = default_choices(space, fit_defaults())
    assert [choice.get("head") for choice in choices] == ["dense", "svm", None, None]
    assert set(choices[1]) == {
        *("backbone", "net.alpha", "train", "head", "views"),
        *("svm.kernel", "svm.gamma", "svm.class_weight"),
    }
    for chosen in choices:
        space.choose(FixedTrial(chosen))


def test_a_backbone_may_name_the_head_that_it_goes_best_with(build: Builder) -> None:
    class Picky(Extractor):
        def defaults(self, weights: Any) -> Any:
            return [{"train": "frozen", "head": "svm"}]

    build.catalog = catalog_of(picky=Picky, fitted=["svm"])
    choices = default_choices(build(), fit_defaults())
    assert [choice["head"] for choice in choices] == ["svm", "dense"]
    alone = default_choices(build(heads=("dense",)), fit_defaults())
    assert [choice["head"] for choice in alone] == ["dense", "dense"]
    only = default_choices(build(heads=("dense", "rare")), fit_defaults())
    assert [choice["head"] for choice in only] == ["dense", "rare"]


def test_a_misspelt_parameter_gets_a_suggestion(build: Builder) -> None:
    with pytest.raises(ConfigurationError, match=r"`schedul`, did you mean `schedule`\?"):
        build(schedul="plateau")
