"""From a protocol to its runs: every model, every step, every split, every fold."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automedimg.errors import ConfigurationError
from automedimg.papers.protocol import Axis, Model, Protocol, Settings, Step
from automedimg.papers.request import PaperRequest

SMALLEST = 32
"""Pixels below which no image size is reduced."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that is trained under each split: a model under one combination of steps.

    Args:
        name: In folders and tables; unique.
        label: For people.
        model: Of the protocol.
        steps: Names of the steps, by axis.
        step_labels: Their labels, by axis.
        settings: Complete, reductions included.
    """

    name: str
    label: str
    model: Model
    steps: dict[str, str]
    step_labels: dict[str, str]
    settings: Settings

    @property
    def dataset(self) -> str:
        """What tells the images apart that options of the task choose; often empty."""
        return "+".join(f"{k}-{v}" for k, v in sorted(self.settings.options.items()))


@dataclass(frozen=True, slots=True)
class Job:
    """One run.

    Args:
        protocol: How it is split.
        fold: From 1; 0 where there are none.
        arm: What is trained.
    """

    protocol: str
    fold: int
    arm: Arm

    @property
    def split(self) -> str:
        """Name of its file of splits, without the suffix."""
        parts = [self.arm.dataset, self.protocol, f"fold-{self.fold}" if self.fold else ""]
        return "-".join(part for part in parts if part)

    @property
    def folder(self) -> str:
        """Of the run, below the paper's."""
        fold = [f"fold-{self.fold}"] if self.fold else []
        return "/".join([self.protocol, *fold, self.arm.name])

    @property
    def title(self) -> str:
        """For people."""
        fold = f", fold {self.fold}" if self.fold else ""
        return f"{self.arm.label}: {self.protocol} split{fold}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be done.

    Args:
        protocol: The paper's.
        arms: What is trained.
        protocols: How it is split.
        folds: Of each split; None for a single one.
        reductions: What was asked to be smaller or other than in the paper, in words.
        sample: Whether the images are synthetic.
    """

    protocol: Protocol
    arms: tuple[Arm, ...]
    protocols: tuple[str, ...]
    folds: int | None
    reductions: tuple[str, ...]
    sample: bool

    def jobs(self) -> Iterator[Job]:
        """Every run, in order: the paper's split first, fold by fold."""
        for protocol in self.protocols:
            for fold in range(1, self.folds + 1) if self.folds else (0,):
                for arm in self.arms:
                    yield Job(protocol, fold, arm)

    def to_json(self) -> dict[str, Any]:
        """What two sessions must agree about, as JSON types."""
        return {
            "paper": self.protocol.name,
            "protocol": self.protocol.text,
            "sample": self.sample,
            "reductions": list(self.reductions),
            "arms": [arm.name for arm in self.arms],
            "splits": list(self.protocols),
        }


def make_plan(protocol: Protocol, request: PaperRequest) -> Plan:
    """Expand a protocol, reduced as a user asked.

    Raises:
        ConfigurationError: a model, a way to split or a network that is named is not there.
    """
    arms = [arm for model in protocol.models for arm in _arms_of(protocol, model)]
    _check(protocol, arms, request)
    said: list[str] = []
    if request.only:
        arms = [arm for arm in arms if {arm.name, arm.model.name} & set(request.only)]
        said.append(f"models: only {', '.join(request.only)}")
    protocols = [p for p in protocol.split.protocols if p in (request.protocols or (p,))]
    if len(protocols) < len(protocol.split.protocols):
        said.append(f"splits: only {', '.join(protocols)}")
    folds = protocol.split.folds
    if request.sample:
        arms = [_on_sample(arm, protocol.sample) for arm in arms]
        folds = folds and (protocol.sample_folds or folds)
        said.append("synthetic images, small settings")
    arms = _other_networks(arms, request, said)
    arms = _fewer_epochs(arms, request.epochs, said)
    arms = _smaller_images(arms, request.image_size, said)
    arms = _fewer_trials(arms, request.trials, said)
    if request.weights is not None:
        arms = [_with(arm, weights=request.weights) for arm in arms]
        said.append(f"weights: {request.weights}")
    return Plan(protocol, tuple(arms), tuple(protocols), folds, tuple(said), request.sample)


def _arms_of(protocol: Protocol, model: Model) -> Iterator[Arm]:
    axes = [axis for axis in protocol.axes if not axis.models or model.name in axis.models]
    for chosen in itertools.product(*(range(len(axis.steps)) for axis in axes)):
        settings = model.settings.over(protocol.settings)
        steps = [axis.steps[index] for axis, index in zip(axes, chosen, strict=True)]
        for axis, index in zip(axes, chosen, strict=True):
            for step in _taken(axis, index):
                settings = step.settings.over(settings)
        yield Arm(
            name="--".join([model.name, *(_short(a, s) for a, s in zip(axes, steps, strict=True))]),
            label=", ".join(
                [model.label, *(_words(a, s) for a, s in zip(axes, steps, strict=True))]
            ),
            model=model,
            steps={axis.name: step.name for axis, step in zip(axes, steps, strict=True)},
            step_labels={axis.name: step.label for axis, step in zip(axes, steps, strict=True)},
            settings=settings,
        )


def _taken(axis: Axis, index: int) -> Sequence[Step]:
    return axis.steps[: index + 1] if axis.cumulative else axis.steps[index : index + 1]


def _words(axis: Axis, step: Step) -> str:
    """A step in a label: a bare value needs its axis."""
    return f"{axis.label} {step.label}" if _is_bare(axis, step) else step.name


def _short(axis: Axis, step: Step) -> str:
    """A step in a name: a bare value is enough, as axes always come in the same order."""
    return step.label if _is_bare(axis, step) else step.name


def _is_bare(axis: Axis, step: Step) -> bool:
    return step.name == f"{axis.name}-{step.label}"


def _check(protocol: Protocol, arms: Sequence[Arm], request: PaperRequest) -> None:
    request.check()
    models = [model.name for model in protocol.models]
    steps = {arm.name for arm in arms}
    problems = _strange("model", [name for name in request.only if name not in steps], models)
    problems += _strange("split", request.protocols, protocol.split.protocols)
    networks = {(m.settings.over(protocol.settings)).backbone or "" for m in protocol.models}
    problems += _strange("backbone", request.instead, sorted(networks))
    if problems:
        raise ConfigurationError(
            "; ".join(problems), f"`automedimg paper {protocol.name} --dry-run` shows what it has"
        )


def _strange(kind: str, names: Iterable[str], known: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean `{close[0]}`?" if close else ""
            found.append(f"this paper has no {kind} `{name}`{meant} (it has {', '.join(known)})")
    return found


def _with(arm: Arm, **changes: Any) -> Arm:
    return replace(arm, settings=replace(arm.settings, **changes))


def _on_sample(arm: Arm, sample: Settings) -> Arm:
    small = sample if arm.settings.search else replace(sample, search=None)
    return replace(arm, settings=small.over(arm.settings))


def _other_networks(arms: list[Arm], request: PaperRequest, said: list[str]) -> list[Arm]:
    said += [f"{old} replaced by {new}" for old, new in request.instead.items()]
    found = []
    for arm in arms:
        new = request.instead.get(arm.settings.backbone or "")
        if new is not None:
            label = f"{new} in place of {arm.label}"
            arm = replace(_with(arm, backbone=new), label=label)
        found.append(arm)
    return found


def _fewer_epochs(arms: list[Arm], most: int | None, said: list[str]) -> list[Arm]:
    """Scale all numbers of epochs, so that the largest is `most`: a grid keeps its steps."""
    largest = max((arm.settings.epochs or 40 for arm in arms), default=0)
    if most is None or most >= largest:
        return arms
    said.append(f"{most} of {largest} epochs")
    reduced = []
    for arm in arms:
        before = arm.settings.epochs or 40
        epochs = max(1, round(before * most / largest))
        patience = arm.settings.epoch_patience
        whole = patience is None or patience >= before
        reduced.append(_with(arm, epochs=epochs, epoch_patience=epochs if whole else patience))
    return reduced


def _smaller_images(arms: list[Arm], most: int | None, said: list[str]) -> list[Arm]:
    largest = max((arm.settings.image_size or 0 for arm in arms), default=0)
    if most is None or not 0 < most < largest:
        return arms
    said.append(f"{most} of {largest} pixels")
    return [
        _with(arm, image_size=max(SMALLEST, round(arm.settings.image_size * most / largest)))
        if arm.settings.image_size
        else arm
        for arm in arms
    ]


def _fewer_trials(arms: list[Arm], most: int | None, said: list[str]) -> list[Arm]:
    before = max((a.settings.search.trials or 0 for a in arms if a.settings.search), default=0)
    if most is None or not before or most >= before:
        return arms
    said.append(f"{most} of {before} trials")
    return [
        _with(arm, search=replace(arm.settings.search, trials=most)) if arm.settings.search else arm
        for arm in arms
    ]
