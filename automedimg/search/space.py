"""The whole search space: which components, and the values that each declares.

In the ledger a component's parameter carries the component's name (``mobilenetv2.alpha``), because
two components may declare the same name with different ranges. What belongs to training itself
(``learning_rate``) stands bare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from automedimg.contracts import (
    PRETRAINED_MODES,
    Backbone,
    Head,
    Parameter,
    Space,
    TrainMode,
    Weights,
    When,
    distribution_of,
    is_active,
)

ALL_MODES: tuple[TrainMode, ...] = ("frozen", "finetune", "scratch")


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
        """The file that fits these values; None where there is none."""
        for weights, path in self.weights:
            if all(values.get(name) == value for name, value in weights.values.items()):
                return path
        return None


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
        heads: By name.
        fit: Parameters of training itself.
        fixed: Ledger names that are not searched, with their values.
        usual: The same of those that nobody fixed: a search leaves them alone unless it is told to
            vary them. Trials don't list them.
    """

    backbones: Mapping[str, BackboneOption]
    heads: Mapping[str, Head]
    fit: Space
    fixed: Mapping[str, Any]
    usual: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settled(self) -> Mapping[str, Any]:
        """Everything that is not searched, with its value."""
        return {**self.usual, **self.fixed}

    def choose(self, trial: Any) -> Choice:
        """Let an Optuna trial choose components first, then the values that these declare."""
        params: dict[str, Any] = {}
        backbone = self._pick(trial, params, "backbone", tuple(self.backbones))
        option = self.backbones[backbone]
        train = self._pick(trial, params, train_name(backbone, option.modes), option.modes)
        params["train"] = train
        head = self._pick(trial, params, "head", tuple(self.heads))
        backbone_values = self._values(trial, params, option.space, f"{backbone}.", {})
        head_values = self._values(trial, params, self.heads[head].space(), f"{head}.", {})
        fit = self._values(trial, params, self.fit, "", {"train": train})
        return Choice(backbone, head, train, backbone_values, head_values, fit, params)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Every parameter by ledger name, fixed ones and components included."""
        found: dict[str, BaseDistribution] = {
            "backbone": CategoricalDistribution(tuple(self.backbones)),
            "head": CategoricalDistribution(tuple(self.heads)),
        }
        for name, option in self.backbones.items():
            found[train_name(name, option.modes)] = CategoricalDistribution(option.modes)
            found |= {f"{name}.{key}": distribution_of(e) for key, e in option.space.items()}
        for name, head in self.heads.items():
            found |= {f"{name}.{key}": distribution_of(e) for key, e in head.space().items()}
        return found | {key: distribution_of(entry) for key, entry in self.fit.items()}

    def parameters(self) -> list[Parameter]:
        """What is searched, for strategies: the components first, then what depends on them."""
        found = []
        if len(self.backbones) > 1:
            found.append(Parameter("backbone", CategoricalDistribution(tuple(self.backbones))))
        found += self._train_parameters()
        if len(self.heads) > 1:
            found.append(Parameter("head", CategoricalDistribution(tuple(self.heads))))
        for name, option in self.backbones.items():
            here = {"backbone": (name,)} if len(self.backbones) > 1 else {}
            found += self._declared(option.space, f"{name}.", here)
        for name, head in self.heads.items():
            here = {"head": (name,)} if len(self.heads) > 1 else {}
            found += self._declared(head.space(), f"{name}.", here)
        return found + self._declared(self.fit, "", {})

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

    def _declared(
        self, space: Space, prefix: str, here: Mapping[str, tuple[Any, ...]]
    ) -> list[Parameter]:
        """The parameters of one component, each with the alternatives that bring it to life."""
        ways: dict[str, list[dict[str, tuple[Any, ...]]]] = {}
        found = []
        for name, entry in space.items():
            alternatives: list[dict[str, tuple[Any, ...]]] = [dict(here)]
            if isinstance(entry, When):
                alternatives = (
                    self._ways_to_train(entry.values)
                    if entry.parent == "train" and "train" not in space
                    else self._ways_of(entry, prefix, ways.get(entry.parent, []))
                )
            ways[name] = alternatives
            if prefix + name not in self.settled and alternatives:
                when = () if {} in alternatives else tuple(alternatives)
                found.append(Parameter(prefix + name, distribution_of(entry), when))
        return found

    def _ways_of(
        self, entry: When, prefix: str, parents: list[dict[str, tuple[Any, ...]]]
    ) -> list[dict[str, tuple[Any, ...]]]:
        parent = prefix + entry.parent
        settled = self.settled
        if parent in settled:
            return parents if settled[parent] in entry.values else []
        return [{**way, parent: entry.values} for way in parents]

    def _ways_to_train(self, values: Sequence[Any]) -> list[dict[str, tuple[Any, ...]]]:
        """Which backbones, and what choice of theirs, train in one of some modes."""
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
    if weights or not backbone.weights():
        return tuple(mode for mode in ALL_MODES if mode in backbone.modes)
    return tuple(
        mode for mode in ALL_MODES if mode in backbone.modes and mode not in PRETRAINED_MODES
    )
