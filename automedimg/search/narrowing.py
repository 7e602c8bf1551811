"""Build the search space from what is installed and what the user asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from optuna.distributions import CategoricalDistribution

from automedimg.contracts import (
    PRETRAINED_MODES,
    AnyHead,
    Backbone,
    FittedHead,
    Notice,
)
from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.registry import ALL, SIGN, Catalog, SideBySide
from automedimg.search.fixing import fixed_values
from automedimg.search.space import BackboneOption, SearchSpace, usable_modes
from automedimg.search.weights import RANDOM, WeightStore, sourced_weights
from automedimg.training.parameters import fit_space, usual_values

Notify = Callable[[Notice], None]


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
    if not wanted.backbones:
        options = _with_pair(options, catalog)
    options = _with_mode(options, train, _insisted(wanted.backbones), notify)
    options, heads = _matched(options, heads, wanted, notify)
    choices = CategoricalDistribution(wanted.preprocessings)
    fit = {"preprocessing": choices, **fit_space()}
    space = SearchSpace(options, heads, fit, {}, usual_values(wanted.vary))
    if len(wanted.preprocessings) == 1:
        fix.setdefault("preprocessing", wanted.preprocessings[0])
    if wanted.balanced:
        known = {ledger.rpartition(".")[2] for ledger in space.distributions()}
        fix = {name: "none" for name in ("sampling", "class_weight") if name in known} | fix
    return replace(space, fixed=fixed_values(space, fix))


def _matched(
    options: Mapping[str, BackboneOption],
    heads: Mapping[str, AnyHead],
    wanted: Wanted,
    notify: Notify,
) -> tuple[dict[str, BackboneOption], dict[str, AnyHead]]:
    """Leave out what nothing goes with: a fitted head needs a backbone that can be frozen.

    Raises:
        ConfigurationError: somebody insists on what is left out, or nothing is left.
    """
    fitted = [name for name, head in heads.items() if isinstance(head, FittedHead)]
    if len(fitted) == len(heads):
        try:
            return _with_mode(options, "frozen", _insisted(wanted.backbones), notify), dict(heads)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{error.message}, and {_listed(fitted)} can be fitted to nothing else", error.hint
            ) from error
    if fitted and not any("frozen" in option.modes for option in options.values()):
        words = f"{_listed(fitted)} can only be fitted to a frozen backbone, and there is none"
        if _insisted(wanted.heads):
            hint = "leave out the head, or name a backbone that has pretrained weights here"
            raise ConfigurationError(words, hint)
        return dict(options), {name: head for name, head in heads.items() if name not in fitted}
    return dict(options), dict(heads)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _heads(catalog: Catalog, names: Sequence[str], notify: Notify) -> dict[str, AnyHead]:
    heads: dict[str, AnyHead] = {}
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
        if isinstance(backbone, SideBySide) and not modes:
            raise ConfigurationError(
                f"`{name}` needs pretrained weights of each of its backbones",
                "name a folder of weight files with --weights-dir or $AUTOMEDIMG_WEIGHTS",
            )
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


def _with_pair(
    options: Mapping[str, BackboneOption], catalog: Catalog
) -> dict[str, BackboneOption]:
    """Add the two cheapest pretrained networks side by side: two families see more than one."""
    pretrained = [
        (catalog.backbones.get(name).gmacs, name)
        for name, option in options.items()
        if option.weights and "frozen" in option.modes
    ]
    cheapest = sorted(name for _, name in sorted(pretrained)[:2])
    if len(cheapest) < 2:
        return dict(options)
    pair = SideBySide({name: options[name].backbone for name in cheapest})
    weights = tuple(found for name in cheapest for found in options[name].weights)
    present = [found for found, _ in weights]
    option = BackboneOption(pair, pair.space(present), usable_modes(pair, present), weights)
    return {**options, SIGN.join(cheapest): option}


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
