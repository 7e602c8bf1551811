"""Components without Keras, for the tests of the search space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from automedimg.contracts import (
    Backbone,
    BackboneSpec,
    BuiltBackbone,
    FittedHead,
    Head,
    HeadSpec,
    Space,
    TrainMode,
    Weights,
    When,
    hookimpl,
)
from automedimg.registry import Catalog

SMALL = Weights("imagenet", {"alpha": 0.35}, ("small.h5",))
LARGE = Weights("imagenet", {"alpha": 1.0}, ("large.h5",))


class Net(Backbone):
    """A network with pretrained weights in two sizes."""

    modes: tuple[TrainMode, ...] = ("frozen", "finetune", "scratch")

    def weights(self) -> Sequence[Weights]:
        return (SMALL, LARGE)

    def space(self, weights: Sequence[Weights]) -> Space:
        alphas = tuple(found.values["alpha"] for found in weights) or (0.35, 1.0)
        return {"alpha": CategoricalDistribution(alphas)}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        alphas = [found.values["alpha"] for found in weights]
        return [
            {"train": "finetune", "alpha": 1.0, "learning_rate": 1e-4},
            *({"train": "frozen", "alpha": alpha} for alpha in alphas),
        ]

    def build(self, input_shape: Any, values: Any, weights: Path | None) -> BuiltBackbone:
        raise AssertionError("nothing is built to search a space")


class Plain(Net):
    """A network that is only trained from scratch."""

    modes: tuple[TrainMode, ...] = ("scratch",)

    def weights(self) -> Sequence[Weights]:
        return ()

    def space(self, weights: Sequence[Weights]) -> Space:
        return {
            "layers": IntDistribution(1, 3),
            "width": IntDistribution(8, 64, log=True),
            "kernel": When("layers", (2, 3), CategoricalDistribution((3, 5))),
        }

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        return [{"layers": 2, "width": 16, "kernel": 3}]


class Extractor(Plain):
    """A fixed extractor: no weights, and yet frozen; can be trained from scratch too."""

    modes: tuple[TrainMode, ...] = ("frozen", "scratch")

    def space(self, weights: Sequence[Weights]) -> Space:
        return {}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        return ()


class Dense(Head):
    """A head with a conditional parameter, and a second-best guess."""

    def space(self) -> Space:
        return {
            "hidden": CategoricalDistribution((True, False)),
            "units": When("hidden", (True,), IntDistribution(32, 512, log=True)),
            "dropout": FloatDistribution(0.0, 0.5),
        }

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        return (
            {"hidden": True, "units": 128, "dropout": 0.2},
            {"hidden": False, "dropout": 0.0},
        )

    def build(self, num_features: int, num_classes: int, values: Any) -> Any:
        raise AssertionError("nothing is built to search a space")


class Fitted(FittedHead):
    """A head that is fitted at once, with a conditional parameter."""

    def space(self) -> Space:
        return {
            "kernel": CategoricalDistribution(("rbf", "linear")),
            "gamma": When("kernel", ("rbf",), FloatDistribution(0.1, 10.0, log=True)),
            "class_weight": CategoricalDistribution(("none", "balanced")),
        }

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        return ({"kernel": "rbf", "gamma": 1.0, "class_weight": "none"}, {"kernel": "linear"})

    def fit(self, *args: Any) -> Any:
        raise AssertionError("nothing is fitted to search a space")


BACKBONES: dict[str, type[Backbone]] = {"net": Net, "plain": Plain}


def catalog_of(*, fitted: Sequence[str] = (), **backbones: Any) -> Catalog:
    """A catalog of these backbones (factories by name) and of the heads `dense` and `rare`.

    Further heads may be `fitted`.

    What is called `rare` isn't considered by default.
    """

    @hookimpl
    def offer_backbones() -> list[BackboneSpec]:
        return [
            BackboneSpec(
                name,
                name,
                factory,
                gmacs=3.0 if name == "net" else 0.0,
                default=name != "rare",
            )
            for name, factory in backbones.items()
        ]

    @hookimpl
    def offer_heads() -> list[HeadSpec]:
        return [
            HeadSpec("dense", "Dense layers", Dense),
            HeadSpec("rare", "Seldom wanted", Dense, default=False),
            *(HeadSpec(name, "Fitted at once", Fitted) for name in fitted),
        ]

    catalog = Catalog()
    catalog.add(
        SimpleNamespace(automedimg_backbones=offer_backbones, automedimg_heads=offer_heads),
        "parts",
    )
    return catalog
