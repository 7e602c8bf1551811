"""What a search tries first: each component's own good values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution

from automedimg.contracts import TrainMode
from automedimg.search.space import BackboneOption, SearchSpace, train_name
from automedimg.training.parameters import FOR_FITTED


def default_choices(space: SearchSpace, defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Good configurations by ledger name, cheap ones first.

    Each is a backbone's default, completed by a head's guess and by `defaults`. Frozen networks
    come first, each with the best guess of every head; of one head, with its second guess too.
    """
    order = {"frozen": 0, "finetune": 100, "scratch": 101}
    found: list[tuple[int, dict[str, Any]]] = []
    for name, option in space.backbones.items():
        for default in _defaults_of(option):
            train = default["train"]
            guesses = _guesses(space, train, default.get("head"))
            for rank, (head, guess) in enumerate(guesses):
                chosen = _default(space, name, head, {**defaults, **default}, guess)
                found.append((order[train] + rank, chosen))
    found.sort(key=lambda pair: pair[0])
    return [_in_ledger(space, chosen) for _, chosen in found]


def _defaults_of(option: BackboneOption) -> list[dict[str, Any]]:
    """A backbone's defaults with their modes; where none has a mode that is left, its first."""
    present = [weights for weights, _ in option.weights]
    found = [dict(default) for default in option.backbone.defaults(present)]
    named = [{"train": option.modes[0], **default} for default in found]
    fitting = [default for default in named if default["train"] in option.modes]
    return fitting or [{**default, "train": option.modes[0]} for default in found[:1]]


def _guesses(
    space: SearchSpace, train: TrainMode, first: str | None
) -> list[tuple[str, Mapping[str, Any]]]:
    """Heads to try a default with, each with good values; only the best one where that is dear.

    Args:
        space: Has the heads.
        train: How the backbone is trained.
        first: The head that the backbone goes best with, by its own account.
    """
    heads = sorted(space.heads_for(train), key=lambda name: name != first)
    guesses = {name: list(space.heads[name].defaults()) or [{}] for name in heads}
    if train != "frozen":
        return [(heads[0], guesses[heads[0]][0])]
    if len(heads) == 1:
        return [(heads[0], guess) for guess in guesses[heads[0]][:2]]
    return [(name, guesses[name][0]) for name in heads]


def _default(
    space: SearchSpace,
    backbone: str,
    head: str,
    default: Mapping[str, Any],
    guess: Mapping[str, Any],
) -> dict[str, Any]:
    own, train = space.backbones[backbone].space, default["train"]
    others = {"train", "head"}
    if head not in space.trained_heads:
        others |= set(space.fit) - set(FOR_FITTED)
    rest = {k: value for k, value in default.items() if k not in others or k in own}
    chosen = {f"{backbone}.{k}" if k in own else k: value for k, value in rest.items()}
    chosen |= {f"{head}.{k}": value for k, value in guess.items()}
    chosen |= {"backbone": backbone, space.head_name(train): head}
    return {**chosen, train_name(backbone, space.backbones[backbone].modes): train}


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
