"""`a+b` is a backbone of two: found by its name, with the parameters of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from automedimg.contracts import (
    Backbone,
    BackboneSpec,
    BuiltBackbone,
    Space,
    TrainMode,
    Weights,
    When,
    hookimpl,
)
from automedimg.errors import ConfigurationError, UnknownNameError
from automedimg.registry import Catalog

SMALL = Weights("imagenet", {"alpha": 0.35}, ("small.h5",))
LARGE = Weights("imagenet", {"alpha": 1.0}, ("large.h5",))


class Net(Backbone):
    modes: tuple[TrainMode, ...] = ("frozen", "finetune", "scratch")

    def weights(self) -> Sequence[Weights]:
        return (SMALL, LARGE)

    def space(self, weights: Sequence[Weights]) -> Space:
        return {"alpha": CategoricalDistribution(tuple(w.values["alpha"] for w in weights))}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        best = {"alpha": weights[-1].values["alpha"], "learning_rate": 0.5}
        return ({**best, "train": "finetune"}, {**best, "train": "frozen", "head": "svm"})

    def build(self, *given: Any) -> BuiltBackbone:
        raise AssertionError("nothing is built here")


class Fixed(Net):
    modes: tuple[TrainMode, ...] = ("frozen",)

    def weights(self) -> Sequence[Weights]:
        return ()

    def space(self, weights: Sequence[Weights]) -> Space:
        assert not weights
        return {"kind": IntDistribution(0, 2), "size": When("kind", (1,), IntDistribution(1, 9))}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        return ({"kind": 1, "size": 4, "learning_rate": 0.1},)


class Plain(Fixed):
    modes: tuple[TrainMode, ...] = ("scratch",)


@pytest.fixture
def catalog() -> Catalog:
    @hookimpl
    def offer() -> list[BackboneSpec]:
        return [
            BackboneSpec("net", "A network", Net, gmacs=2.0),
            BackboneSpec("fixed", "A descriptor", Fixed, gmacs=0.5),
            BackboneSpec("plain", "Trained only", Plain),
        ]

    catalog = Catalog()
    catalog.add(SimpleNamespace(automedimg_backbones=offer), "parts")
    return catalog


def test_it_is_found_by_its_name_and_not_listed(catalog: Catalog) -> None:
    spec = catalog.backbones.get("net+fixed")
    assert (spec.name, spec.gmacs, spec.default) == ("net+fixed", 2.5, False)
    assert catalog.backbones.names() == ["fixed", "net", "plain"]
    assert list(catalog.backbones.make("net+fixed").parts) == ["net", "fixed"]


def test_unknown_parts_are_named_with_what_was_meant(catalog: Catalog) -> None:
    with pytest.raises(UnknownNameError, match="unknown backbone `fixd`") as raised:
        catalog.backbones.get("net+fixd")
    assert raised.value.hint is not None and "did you mean `fixed`?" in raised.value.hint
    with pytest.raises(UnknownNameError):
        catalog.backbones.get("net+")
    with pytest.raises(ConfigurationError, match="names a backbone twice"):
        catalog.backbones.get("net+net")


def test_what_can_not_be_frozen_stands_beside_nothing(catalog: Catalog) -> None:
    with pytest.raises(ConfigurationError, match="`plain` can't stand in `net\\+plain`"):
        catalog.backbones.make("net+plain")


def test_its_parameters_are_those_of_the_parts(catalog: Catalog) -> None:
    pair = catalog.backbones.make("net+fixed")
    space = pair.space((LARGE,))
    assert space == {
        "net.alpha": CategoricalDistribution((1.0,)),
        "fixed.kind": IntDistribution(0, 2),
        "fixed.size": When("fixed.kind", (1,), IntDistribution(1, 9)),
    }
    values = {"net.alpha": 1.0, "fixed.kind": 1, "fixed.size": 3}
    assert pair.values_of("net", values) == {"alpha": 1.0}
    assert pair.values_of("fixed", values) == {"kind": 1, "size": 3}
    assert list(pair.weights()) == [SMALL, LARGE]


def test_its_default_is_that_of_the_frozen_parts(catalog: Catalog) -> None:
    (default,) = catalog.backbones.make("net+fixed").defaults((SMALL, LARGE))
    assert default == {
        "train": "frozen",
        "net.alpha": 1.0,
        "fixed.kind": 1,
        "fixed.size": 4,
        "learning_rate": 0.5,
    }
