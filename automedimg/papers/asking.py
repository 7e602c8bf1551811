"""From a job of a paper to the request of an ordinary search, and what it will choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from automedimg.contracts import PRETRAINED_MODES, Backbone
from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.papers.plan import Arm, Job
from automedimg.papers.protocol import Protocol, Search
from automedimg.papers.request import PaperRequest
from automedimg.registry import Catalog
from automedimg.search.first_guesses import default_choices
from automedimg.search.narrowing import Wanted, build_space
from automedimg.search.request import SearchRequest
from automedimg.search.space import Choice
from automedimg.search.weights import RANDOM, WeightStore, sourced_weights
from automedimg.training.parameters import fit_defaults


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an arm trains.

    Args:
        choice: The components and their values; of a search, those that it tries first.
        searched: What it searches, in words; empty for a single model.
    """

    choice: Choice
    searched: Mapping[str, str]


def search_request(
    job: Job, protocol: Protocol, request: PaperRequest, folder: Path, *, void: bool
) -> SearchRequest:
    """The request of a run, as `automedimg.search` would make it.

    Args:
        job: The run.
        protocol: Of the paper.
        request: For the whole paper.
        folder: Of the paper.
        void: Whether its weights can't be had: it goes on with random ones.
    """
    settings = job.arm.settings
    search = settings.search or Search(trials=1)
    return SearchRequest(
        out=folder / job.folder,
        task=protocol.task,
        data=request.data,
        sample=request.sample,
        options=dict(settings.options),
        trials=search.trials,
        time_s=search.time_s,
        patience=search.patience,
        stop=() if search.stop is None else (search.stop,),
        metric=settings.metric or "auc",
        strategy=search.strategy,
        splits=folder / "splits" / f"{job.split}.csv",
        preprocessings=(settings.preprocessing or "stretch",),
        seed=settings.seed or 0,
        backbones=(settings.backbone or "",),
        heads=() if settings.head is None else (settings.head,),
        fix=fixed_values(job.arm),
        image_size=settings.image_size,
        channels=settings.channels,
        epochs=settings.epochs or 40,
        epoch_patience=settings.epoch_patience or 8,
        weights=RANDOM if void else settings.weights,
        score_train="training" in protocol.show,
        tensorboard=protocol.tensorboard,
        weights_dir=request.weights_dir,
        cache_dir=request.cache_dir,
        download=request.download,
        workers=request.workers,
        devices=request.devices,
        worker_memory_bytes=request.worker_memory_bytes,
    )


def fixed_values(arm: Arm) -> dict[str, Any]:
    """What an arm fixes; how it is trained among it."""
    train = {} if arm.settings.train is None else {"train": arm.settings.train}
    return {**train, **arm.settings.fix}


def why_void(arm: Arm, catalog: Catalog, folders: Sequence[Path], *, download: bool) -> str:
    """Why the comparison with the paper is void for an arm: it lacks pretrained weights.

    Args:
        arm: What is trained.
        catalog: Where its backbone comes from.
        folders: Where weight files are looked for.
        download: Whether they may be downloaded.
    Returns:
        The reason; empty where nothing is lacking.
    """
    settings = arm.settings
    if settings.train not in PRETRAINED_MODES:
        return ""
    backbone: Backbone = catalog.backbones.make(settings.backbone or "")
    declared = [
        weights
        for weights in backbone.weights()
        if all(str(settings.fix.get(n, v)) == str(v) for n, v in weights.values.items())
    ]
    if not declared:
        return ""
    if settings.weights == RANDOM:
        return "random weights were asked for"
    store = WeightStore(folders, download=download)
    found = sourced_weights(declared, settings.weights, settings.fix, store)
    return "" if found else f"no pretrained weights for {settings.backbone}"


def choose(arm: Arm, catalog: Catalog, folders: Sequence[Path] = ()) -> Chosen:
    """Say what an arm trains.

    Args:
        arm: What is asked about.
        catalog: Where its components come from.
        folders: Where weight files are looked for: a width that is not fixed may depend on which
            there are.
    Raises:
        ConfigurationError: a name or a value that it fixes is unknown.
    """
    settings = arm.settings
    pretrained = settings.train in PRETRAINED_MODES
    lacking = not pretrained or why_void(arm, catalog, folders, download=False)
    wanted = Wanted(
        (settings.backbone or "",),
        () if settings.head is None else (settings.head,),
        fixed_values(arm),
        (settings.preprocessing or "stretch",),
        image_size=settings.image_size,
        weights=RANDOM if lacking else settings.weights,
    )
    space = build_space(catalog, wanted, WeightStore(folders, download=False), lambda _: None)
    defaults = (*default_choices(space, fit_defaults()), {})[0]
    searched: dict[str, BaseDistribution] = {}
    choice = space.choose(_First(defaults, searched))
    told = {name: str(each) for name, each in searched.items()} if settings.search else {}
    return Chosen(choice, told)


def check_arms(arms: Sequence[Arm], catalog: Catalog) -> None:
    """Raise one error that names everything that is wrong with the arms.

    Raises:
        ConfigurationError: names or values that are unknown here.
    """
    wrong: dict[str, AutomedimgError] = {}
    for arm in arms:
        try:
            catalog.metrics.get(arm.settings.metric or "auc")
            choose(arm, catalog)
        except AutomedimgError as error:
            wrong.setdefault(f"{arm.model.name}: {error.message}", error)
    if wrong:
        hints = dict.fromkeys(error.hint for error in wrong.values() if error.hint)
        raise ConfigurationError("; ".join(wrong), "; ".join(hints) or None)


class _First:
    """Stands for the first trial of a search: it takes defaults, else the least value."""

    def __init__(self, defaults: Mapping[str, Any], searched: dict[str, BaseDistribution]) -> None:
        self._defaults, self._searched = defaults, searched

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The default, or the first."""
        self._searched[name] = optuna.distributions.CategoricalDistribution(choices)
        return self._defaults.get(name, choices[0])

    def suggest_int(self, name: str, low: int, high: int, **rest: Any) -> Any:
        """The default, or the least."""
        self._searched[name] = optuna.distributions.IntDistribution(low, high, **rest)
        return self._defaults.get(name, low)

    def suggest_float(self, name: str, low: float, high: float, **rest: Any) -> Any:
        """The default, or the least."""
        self._searched[name] = optuna.distributions.FloatDistribution(low, high, **rest)
        return self._defaults.get(name, low)
