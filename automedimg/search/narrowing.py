"""Build the search space from what is installed and what the user asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from automedimg.contracts import PRETRAINED_MODES, Backbone, Component, Head, Notice
from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.registry import ALL, Catalog
from automedimg.search.space import BackboneOption, SearchSpace, train_name, usable_modes
from automedimg.search.weights import RANDOM, WeightStore, sourced_weights
from automedimg.training.parameters import FIXABLE, fit_space, usual_values

Notify = Callable[[Notice], None]
Accept = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the user narrows the space.

    Args:
        backbones: Names; empty takes those that are considered by default, `ALL` every one.
        heads: The same of heads.
        fix: ``NAME=VALUE`` pairs, values as text or typed.
        preprocessings: Names of those to choose from; the first is tried first.
        balanced: Whether the classes are equally frequent: then there is nothing to weigh.
        image_size: Side of the images in pixels; None where it isn't known yet.
        weights: Which pretrained weights: None takes those that are found; see `sourced_weights`.
        vary: Names of parameters of training that are searched only if they stand here.
    """

    backbones: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    fix: Mapping[str, Any] = field(default_factory=dict)
    preprocessings: tuple[str, ...] = ("stretch",)
    balanced: bool = False
    image_size: int | None = None
    weights: str | None = None
    vary: tuple[str, ...] = ()


def build_space(
    catalog: Catalog, wanted: Wanted, store: WeightStore, notify: Notify
) -> SearchSpace:
    """Return the space of a search.

    Raises:
        ConfigurationError: unknown names or values; all of them are named at once.
    """
    fix = dict(wanted.fix)
    train = fix.pop("train", None)
    options = _options(catalog, wanted, store, notify)
    heads = _heads(catalog, wanted.heads, notify)
    options = _with_mode(options, train, _insisted(wanted.backbones), notify)
    choices = CategoricalDistribution(wanted.preprocessings)
    fit = {"preprocessing": choices, **fit_space()}
    space = SearchSpace(options, heads, fit, {}, usual_values(wanted.vary))
    if len(wanted.preprocessings) == 1:
        fix.setdefault("preprocessing", wanted.preprocessings[0])
    if wanted.balanced:
        fix = {"sampling": "none", "class_weight": "none"} | fix
    return replace(space, fixed=_fixed(space, fix))


def _heads(catalog: Catalog, names: Sequence[str], notify: Notify) -> dict[str, Head]:
    heads: dict[str, Head] = {}
    for name in catalog.heads.considered(names):
        try:
            heads[name] = catalog.heads.make(name)
        except AutomedimgError as error:
            if _insisted(names):
                raise
            notify(Notice(f"{error.message}: left out", important=True))
    if not heads:
        raise ConfigurationError(
            "no head is installed that can be used", "`automedimg plugins` lists them"
        )
    return heads


def _insisted(names: Sequence[str]) -> bool:
    """Whether somebody wants exactly these: then one that can't be used is an error."""
    return bool(names) and ALL not in names


def _options(
    catalog: Catalog, wanted: Wanted, store: WeightStore, notify: Notify
) -> dict[str, BackboneOption]:
    options, missing = {}, []
    for name, backbone in _backbones(catalog, wanted, notify).items():
        weights = sourced_weights(backbone.weights(), wanted.weights, wanted.fix, store)
        if backbone.weights() and not weights and wanted.weights != RANDOM:
            missing.append(name)
        present = [found for found, _ in weights]
        # Random weights can be frozen, too: that is what one asks for without any.
        modes = backbone.modes if wanted.weights == RANDOM else usable_modes(backbone, present)
        if modes:
            options[name] = BackboneOption(backbone, backbone.space(present), modes, weights)
    if missing:
        notify(
            Notice(
                f"NO PRETRAINED WEIGHTS for {', '.join(missing)}: they are searched from scratch "
                "only, which is slower and less accurate. Name a folder of weight files with "
                "--weights-dir or $AUTOMEDIMG_WEIGHTS.",
                important=True,
            )
        )
    if not options:
        raise ConfigurationError(
            "none of the networks can be trained here: they need pretrained weights",
            "name a folder of weight files with --weights-dir or $AUTOMEDIMG_WEIGHTS",
        )
    return options


def _backbones(catalog: Catalog, wanted: Wanted, notify: Notify) -> dict[str, Backbone]:
    """Make what is considered, and takes images of this size."""
    considered = catalog.backbones.considered(wanted.backbones)
    if not considered:
        raise ConfigurationError(
            "no backbone is considered unless it is named",
            "name some with --backbones; `automedimg plugins` lists them",
        )
    made: dict[str, Backbone] = {}
    for name in considered:
        try:
            made[name] = catalog.backbones.make(name)
        except AutomedimgError as error:
            if _insisted(wanted.backbones):
                raise
            notify(Notice(f"{error.message}: left out", important=True))
    if wanted.image_size is None:
        return made
    return _large_enough(made, wanted.image_size, _insisted(wanted.backbones), notify)


def _large_enough(
    backbones: Mapping[str, Backbone], side: int, insisted: bool, notify: Notify
) -> dict[str, Backbone]:
    """Keep what takes images of this side."""
    kept = {name: each for name, each in backbones.items() if each.min_side <= side}
    lost = {name: each for name, each in backbones.items() if name not in kept}
    if not lost:
        return kept
    words = ", ".join(f"{name} (at least {each.min_side})" for name, each in lost.items())
    if insisted or not kept:
        raise ConfigurationError(
            f"images of {side} pixels are too small for {words}",
            f"say `--image-size {max(each.min_side for each in lost.values())}` or more",
        )
    notify(Notice(f"images of {side} pixels are too small for {words}: left out"))
    return kept


def _with_mode(
    options: Mapping[str, BackboneOption], train: Any, insisted: bool, notify: Notify
) -> dict[str, BackboneOption]:
    """Keep what can be trained as asked."""
    if train is None:
        return dict(options)
    if train not in ("frozen", "finetune", "scratch"):
        raise ConfigurationError(
            f"unknown value `{train}` of `train`; expected frozen, finetune or scratch"
        )
    kept = {
        name: replace(option, modes=(train,))
        for name, option in options.items()
        if train in option.modes
    }
    lost = sorted(set(options) - set(kept))
    hint = "pretrained weights are needed: see --weights-dir" if train in PRETRAINED_MODES else None
    if lost and (insisted or not kept):
        raise ConfigurationError(f"can't train {', '.join(lost)} as `{train}`", hint)
    if lost:
        notify(Notice(f"{', '.join(lost)} can't be trained as `{train}` here: left out"))
    return kept


def with_modes(space: SearchSpace, modes: Mapping[str, Sequence[str]]) -> SearchSpace:
    """Return the part of a space in which backbones are trained in these modes only.

    Args:
        space: The space.
        modes: Modes by backbone; backbones that are not named leave the space.
    """
    kept = {}
    for name, option in space.backbones.items():
        left = tuple(mode for mode in option.modes if mode in modes.get(name, ()))
        if left:
            kept[name] = replace(option, modes=left)
    if not kept:
        raise ConfigurationError(
            f"none of the networks that this run searched ({', '.join(modes)}) can be used now",
            "are their weights and plugins still there? See `automedimg plugins`",
        )
    return replace(space, backbones=kept)


def _fixed(space: SearchSpace, fix: Mapping[str, Any]) -> dict[str, Any]:
    known = space.distributions()
    fixed: dict[str, Any] = {}
    problems = []
    for name, value in fix.items():
        matches = [ledger for ledger in known if ledger == name or ledger.endswith(f".{name}")]
        matches = [ledger for ledger in matches if not _is_component(ledger)]
        if not matches:
            problems.append(f"unknown parameter `{name}`")
            continue
        for ledger in matches:
            try:
                read = FIXABLE.get(ledger)
                fixed[ledger] = (
                    read(value) if read else _typed(value, known[ledger], _acceptor(space, ledger))
                )
            except ValueError as error:
                problems.append(f"`{name}`: {error}")
    if problems:
        names = sorted({n.rpartition(".")[2] for n in known if not _is_component(n)} | {"train"})
        raise ConfigurationError(
            "can't fix: " + "; ".join(problems), f"the parameters here are {', '.join(names)}"
        )
    return fixed


def _acceptor(space: SearchSpace, ledger: str) -> Accept | None:
    """What takes further values of a parameter: its component; None for those of training."""
    owner, _, name = ledger.rpartition(".")
    component: Component | None = space.heads.get(owner)
    if owner in space.backbones:
        component = space.backbones[owner].backbone
    return partial(component.accept, name) if component else None


def _is_component(ledger: str) -> bool:
    """Whether a ledger name chooses a component; those have options of their own."""
    return ledger in ("backbone", "head") or ledger.rpartition(".")[2] == "train"


def _typed(value: Any, distribution: BaseDistribution, accept: Accept | None) -> Any:
    """Turn a value, perhaps text, into one of the distribution's kind.

    Numbers may lie outside the searched range: who fixes a value means it. What is none of some
    choices may be accepted by the component.
    """
    if isinstance(distribution, CategoricalDistribution):
        return _choice(value, distribution.choices, accept)
    number = _as_json(value)
    whole = isinstance(distribution, IntDistribution)
    if isinstance(number, bool) or not isinstance(number, int if whole else int | float):
        raise ValueError(f"got `{value}`, expected {'a whole number' if whole else 'a number'}")
    if not math.isfinite(number):
        raise ValueError(f"got `{value}`, expected a finite number")
    return number if whole else float(number)


def _choice(value: Any, choices: Sequence[Any], accept: Accept | None) -> Any:
    for choice in choices:
        if value == choice or str(value) == str(choice) or _as_json(value) == choice:
            return choice
    further = ""
    if accept is not None:
        try:
            return accept(value)
        except ValueError as error:
            further = f", or {error}" if str(error) else ""
    raise ValueError(f"got `{value}`, expected one of {list(choices)}{further}")


def _as_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def default_choices(space: SearchSpace, defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Good configurations by ledger name, cheap ones first.

    Each is a backbone's default, completed by a head's best guess and by `defaults`; frozen
    networks come first and once more with the head's second guess.
    """
    order = {"frozen": 0, "finetune": 2, "scratch": 3}
    found: list[tuple[int, dict[str, Any]]] = []
    head = next(iter(space.heads))
    for name, option in space.backbones.items():
        for default in _defaults_of(option):
            train = default["train"]
            guesses = space.heads[head].defaults() or ({},)
            for rank, guess in enumerate(guesses if train == "frozen" else guesses[:1]):
                chosen = _default(space, name, head, {**default, "train": train}, guess)
                found.append((order[train] + rank, {**defaults, **chosen}))
    found.sort(key=lambda pair: pair[0])
    return [_in_ledger(space, chosen) for _, chosen in found]


def _defaults_of(option: BackboneOption) -> list[dict[str, Any]]:
    """A backbone's defaults with their modes; where none has a mode that is left, its first."""
    present = [weights for weights, _ in option.weights]
    found = [dict(default) for default in option.backbone.defaults(present)]
    named = [{"train": option.modes[0], **default} for default in found]
    fitting = [default for default in named if default["train"] in option.modes]
    return fitting or [{**default, "train": option.modes[0]} for default in found[:1]]


def _default(
    space: SearchSpace,
    backbone: str,
    head: str,
    default: Mapping[str, Any],
    guess: Mapping[str, Any],
) -> dict[str, Any]:
    own = space.backbones[backbone].space
    chosen = {f"{backbone}.{k}" if k in own else k: value for k, value in default.items()}
    chosen[train_name(backbone, space.backbones[backbone].modes)] = chosen.pop("train")
    return {"backbone": backbone, "head": head, **chosen} | {
        f"{head}.{k}": value for k, value in guess.items()
    }


def _in_ledger(space: SearchSpace, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what is fixed, unknown, or no longer among the choices."""
    known = space.distributions()
    return {
        name: value
        for name, value in chosen.items()
        if name in known and name not in space.settled and _contains(known[name], value)
    }


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:
        return False
