"""The whole search space: which components, and the values that each declares.

In the ledger a component's parameter carries the component's name (``mobilenetv2.alpha``), because
two components may declare the same name with different ranges. What belongs to training itself
(``learning_rate``) stands bare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution, CategoricalDistribution

from automedimg.contracts import (
    PRETRAINED_MODES,
    AnyHead,
    Backbone,
    FittedHead,
    Parameter,
    Space,
    TrainMode,
    Weights,
    When,
    distribution_of,
    is_active,
)
from automedimg.registry import SideBySide
from automedimg.training.parameters import FOR_FITTED

ALL_MODES: tuple[TrainMode, ...] = ("frozen", "finetune", "scratch")

NOT_FROZEN: tuple[TrainMode, ...] = ("finetune", "scratch")

TRAINED_HEAD = "trained.head"
"""Ledger name of the head where only those that are trained by gradients can be chosen."""

Ways: TypeAlias = list[dict[str, tuple[Any, ...]]]
"""Alternatives under one of which a parameter exists; see `Parameter.when`."""


@dataclass(frozen=True, slots=True)
class BackboneOption:
    """A backbone that the search may choose.

    Args:
        backbone: What its factory returned.
        space: Its parameters.
        modes: How it may be trained here.
        weights: The weight files that were found, with their paths.
    """

    backbone: Backbone
    space: Space
    modes: tuple[TrainMode, ...]
    weights: tuple[tuple[Weights, Path], ...]

    def weights_for(self, values: Mapping[str, Any]) -> Path | None:
        """The file that fits these values; None where there is none, or one for each part."""
        if isinstance(self.backbone, SideBySide):
            return None
        return _fitting(self.weights, values)

    def part_weights(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Where backbones stand side by side, the file of each that has one, by name."""
        if not isinstance(self.backbone, SideBySide):
            return {}
        files = {}
        for name, part in self.backbone.parts.items():
            known = [(weights, path) for weights, path in self.weights if weights in part.weights()]
            files[name] = _fitting(known, self.backbone.values_of(name, values))
        return {name: str(path) for name, path in files.items() if path is not None}


@dataclass(frozen=True, slots=True)
class Choice:
    """Everything that one trial chose.

    Args:
        backbone, head, train: The components.
        backbone_values, head_values, fit: Values by bare name.
        params: By ledger name; what was fixed is listed, what a search leaves alone is not.
    """

    backbone: str
    head: str
    train: TrainMode
    backbone_values: dict[str, Any]
    head_values: dict[str, Any]
    fit: dict[str, Any]
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What a search may choose from.

    Args:
        backbones: By name.
        heads: By name. Fitted ones go with frozen backbones only; where a backbone can be trained,
            there must be one that can be trained too.
        fit: Parameters of training itself; of those, fitted heads have `FOR_FITTED` only.
        fixed: Ledger names that are not searched, with their values.
        usual: The same of those that nobody fixed: a search leaves them alone unless it is told to
            vary them. Trials don't list them.
    """

    backbones: Mapping[str, BackboneOption]
    heads: Mapping[str, AnyHead]
    fit: Space
    fixed: Mapping[str, Any]
    usual: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settled(self) -> Mapping[str, Any]:
        """Everything that is not searched, with its value."""
        return {**self.usual, **self.fixed}

    @property
    def trained_heads(self) -> tuple[str, ...]:
        """The heads that are trained by gradients; only they go with a backbone that is trained."""
        return tuple(n for n, head in self.heads.items() if not isinstance(head, FittedHead))

    def heads_for(self, train: TrainMode) -> tuple[str, ...]:
        """The heads that can be chosen where the backbone is trained in a mode."""
        return tuple(self.heads) if train == "frozen" else self.trained_heads

    def head_name(self, train: TrainMode) -> str:
        """Ledger name of the head: Optuna wants one set of choices for a name."""
        return "head" if self.heads_for(train) == tuple(self.heads) else TRAINED_HEAD

    def choose(self, trial: Any) -> Choice:
        """Let an Optuna trial choose components first, then the values that these declare."""
        params: dict[str, Any] = {}
        backbone = self._pick(trial, params, "backbone", tuple(self.backbones))
        option = self.backbones[backbone]
        train = self._pick(trial, params, train_name(backbone, option.modes), option.modes)
        params["train"] = train
        head = self._pick(trial, params, self.head_name(train), self.heads_for(train))
        params["head"] = head
        backbone_values = self._values(trial, params, option.space, f"{backbone}.", {})
        head_values = self._values(trial, params, self.heads[head].space(), f"{head}.", {})
        asked = self.fit
        if head not in self.trained_heads:
            asked = {name: asked[name] for name in FOR_FITTED if name in asked}
        fit = self._values(trial, params, asked, "", {"train": train})
        return Choice(backbone, head, train, backbone_values, head_values, fit, params)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Every parameter by ledger name, fixed ones and components included."""
        found: dict[str, BaseDistribution] = {
            "backbone": CategoricalDistribution(tuple(self.backbones)),
            "head": CategoricalDistribution(tuple(self.heads)),
        }
        trained = self.trained_heads
        if 1 < len(trained) < len(self.heads):
            found[TRAINED_HEAD] = CategoricalDistribution(trained)
        for name, option in self.backbones.items():
            found[train_name(name, option.modes)] = CategoricalDistribution(option.modes)
            found |= {f"{name}.{key}": distribution_of(e) for key, e in option.space.items()}
        for name, head in self.heads.items():
            found |= {f"{name}.{key}": distribution_of(e) for key, e in head.space().items()}
        return found | {
            key: distribution_of(entry)
            for key, entry in self.fit.items()
            if trained or key in FOR_FITTED
        }

    def parameters(self) -> list[Parameter]:
        """What is searched, for strategies: the components first, then what depends on them."""
        found = []
        if len(self.backbones) > 1:
            found.append(Parameter("backbone", CategoricalDistribution(tuple(self.backbones))))
        found += self._train_parameters()
        found += self._head_parameters()
        for name, option in self.backbones.items():
            here: Ways = [{"backbone": (name,)} if len(self.backbones) > 1 else {}]
            found += self._declared(option.space, f"{name}.", dict.fromkeys(option.space, here))
        for name, head in self.heads.items():
            here, space = self._ways_to((name,), ALL_MODES), head.space()
            found += self._declared(space, f"{name}.", dict.fromkeys(space, here))
        return found + self._declared(self.fit, "", {n: self._ways_of_fit(n) for n in self.fit})

    def _train_parameters(self) -> list[Parameter]:
        """How each backbone is trained, where there is a choice; most share one parameter."""
        sharing: dict[str, list[str]] = {}
        for name, option in self.backbones.items():
            if len(option.modes) > 1:
                sharing.setdefault(train_name(name, option.modes), []).append(name)
        return [
            Parameter(
                ledger,
                CategoricalDistribution(self.backbones[names[0]].modes),
                ({"backbone": tuple(names)},) if len(names) < len(self.backbones) else (),
            )
            for ledger, names in sharing.items()
        ]

    def _head_parameters(self) -> list[Parameter]:
        """The choice of a head: among all of them, or where the backbone is trained, among some."""
        trained = self.trained_heads
        if len(trained) == len(self.heads):
            places: list[tuple[str, tuple[str, ...], Ways]] = [("head", trained, [{}])]
        else:
            places = [
                ("head", tuple(self.heads), self._ways_to_train(("frozen",))),
                (TRAINED_HEAD, trained, self._ways_to_train(NOT_FROZEN)),
            ]
        return [
            Parameter(name, CategoricalDistribution(heads), _when(ways))
            for name, heads, ways in places
            if len(heads) > 1 and ways
        ]

    def _declared(self, space: Space, prefix: str, roots: Mapping[str, Ways]) -> list[Parameter]:
        """The parameters of one component, each with the alternatives that bring it to life.

        Args:
            space: Of the component.
            prefix: Of their ledger names.
            roots: The alternatives of those that have no parent in `space`.
        """
        ways: dict[str, Ways] = {}
        found = []
        for name, entry in space.items():
            if isinstance(entry, When) and entry.parent in space:
                alternatives = self._ways_below(entry, prefix, ways[entry.parent])
            else:
                alternatives = roots[name]
            ways[name] = alternatives
            if prefix + name not in self.settled and alternatives:
                found.append(Parameter(prefix + name, distribution_of(entry), _when(alternatives)))
        return found

    def _ways_below(self, entry: When, prefix: str, parents: Ways) -> Ways:
        parent = prefix + entry.parent
        settled = self.settled
        if parent in settled:
            return parents if settled[parent] in entry.values else []
        return [{**way, parent: entry.values} for way in parents]

    def _ways_of_fit(self, name: str) -> Ways:
        """What brings a parameter of training to life: how the backbone trains, and the head."""
        entry = self.fit[name]
        modes = entry.values if isinstance(entry, When) else ALL_MODES
        return self._ways_to(tuple(self.heads) if name in FOR_FITTED else self.trained_heads, modes)

    def _ways_to(self, heads: Sequence[str], modes: Sequence[Any]) -> Ways:
        """How to come to one of some heads, with a backbone that trains in one of some modes."""
        if not heads:
            return []
        if set(heads) == set(self.heads):
            return self._ways_to_train(modes)
        if len(self.trained_heads) == len(self.heads):
            return [{**way, "head": tuple(heads)} for way in self._ways_to_train(modes)]
        ways: Ways = []
        if "frozen" in modes:
            ways += [{**way, "head": tuple(heads)} for way in self._ways_to_train(("frozen",))]
        own = tuple(name for name in heads if name in self.trained_heads)
        if own:
            named = {} if own == self.trained_heads else {TRAINED_HEAD: own}
            trained = [mode for mode in modes if mode != "frozen"]
            ways += [{**way, **named} for way in self._ways_to_train(trained)]
        return ways

    def _ways_to_train(self, values: Sequence[Any]) -> Ways:
        """Which backbones, and what choice of theirs, train in one of some modes."""
        if all(set(option.modes) <= set(values) for option in self.backbones.values()):
            return [{}]
        ways: dict[str, dict[str, tuple[Any, ...]]] = {}
        for name, option in self.backbones.items():
            fitting = tuple(mode for mode in option.modes if mode in values)
            if not fitting:
                continue
            ledger = train_name(name, option.modes) if len(option.modes) > 1 else ""
            way = ways.setdefault(f"{ledger} {fitting}", {"backbone": ()})
            way["backbone"] = (*way["backbone"], name)
            if ledger and fitting != option.modes:
                way[ledger] = fitting
        for way in ways.values():
            if len(way["backbone"]) == len(self.backbones):
                del way["backbone"]
        return list(ways.values())

    def describe(self) -> dict[str, str]:
        """What can be chosen, in words: a run can only be continued in the space it began in."""
        settled = self.settled
        return {
            name: f"fixed at {settled[name]}" if name in settled else str(distribution)
            for name, distribution in sorted(self.distributions().items())
        }

    def _pick(self, trial: Any, params: dict[str, Any], name: str, choices: Sequence[str]) -> Any:
        """Choose one of some names; what there is no choice about is not searched."""
        if len(choices) == 1:
            params[name] = choices[0]
        else:
            params[name] = trial.suggest_categorical(name, list(choices))
        return params[name]

    def _values(
        self, trial: Any, params: dict[str, Any], space: Space, prefix: str, given: dict[str, Any]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        settled = self.settled
        for name, entry in space.items():
            if not is_active(entry, given | values):
                continue
            ledger = prefix + name
            if ledger in settled:
                values[name] = settled[ledger]
            else:
                values[name] = suggest(trial, ledger, distribution_of(entry))
            if ledger in self.fixed or ledger not in settled:
                params[ledger] = values[name]
        return values


def _fitting(weights: Sequence[tuple[Weights, Path]], values: Mapping[str, Any]) -> Path | None:
    for found, path in weights:
        if all(values.get(name) == value for name, value in found.values.items()):
            return path
    return None


def _when(ways: Ways) -> tuple[dict[str, tuple[Any, ...]], ...]:
    return () if {} in ways else tuple(ways)


def train_name(backbone: str, modes: Sequence[TrainMode]) -> str:
    """Ledger name of how a backbone is trained.

    It is shared by all backbones with all modes. Optuna wants one set of choices for a name, so
    one with fewer modes has a parameter of its own.
    """
    return "train" if tuple(modes) == ALL_MODES else f"{backbone}.train"


def suggest(trial: Any, name: str, distribution: BaseDistribution) -> Any:
    """Let a trial choose from a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    kind: Any = distribution
    if type(distribution).__name__ == "IntDistribution":
        return trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log)
    return trial.suggest_float(name, kind.low, kind.high, step=kind.step, log=kind.log)


def usable_modes(backbone: Backbone, weights: Sequence[Weights]) -> tuple[TrainMode, ...]:
    """The modes that a backbone can be trained in with the weights that were found.

    A backbone that knows of no weight files (a fixed extractor) keeps all its modes.
    """
    if isinstance(backbone, SideBySide):
        each = [
            usable_modes(part, backbone.weights_of(name, weights))
            for name, part in backbone.parts.items()
        ]
        return ("frozen",) if all("frozen" in modes for modes in each) else ()
    if weights or not backbone.weights():
        return tuple(mode for mode in ALL_MODES if mode in backbone.modes)
    return tuple(
        mode for mode in ALL_MODES if mode in backbone.modes and mode not in PRETRAINED_MODES
    )
