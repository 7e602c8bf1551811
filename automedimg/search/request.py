"""What a user asks of a search, checked as a whole before anything is done."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from automedimg.contracts import ExecutorOptions
from automedimg.data.dividing import SplitRequest
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.data.resolving import TaskRequest
from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.registry import ALL, Catalog
from automedimg.search.naming import check_strategy
from automedimg.search.stopping import Limits, parse_same
from automedimg.search.urls import redacted
from automedimg.training.event_log import check_package
from automedimg.training.parameters import usual_values
from automedimg.training.precision import asked_precision

DEFAULT_TRIALS = 30

LIMITS = ("trials", "time_s", "patience", "target", "stop", "trial_time_s")
"""What may change when a run is continued, if one asks for it."""

PATHS = ("data", "splits", "external_test", "weights_dir", "cache_dir")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One session of a search, as asked for. `automedimg.api.search` documents each field."""

    out: Path
    task: str | None = None
    data: Path | None = None
    sample: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    trials: int | None = None
    time_s: float | None = None
    patience: int | None = None
    target: float | None = None
    metric: str = "auc"
    strategy: str = "tpe"
    executor: str = "local"
    protocol: str | None = None
    splits: Path | None = None
    external_test: Path | None = None
    preprocessings: tuple[str, ...] = ("stretch",)
    seed: int = 0
    backbones: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    fix: Mapping[str, Any] = field(default_factory=dict)
    vary: tuple[str, ...] = ()
    image_size: int | None = None
    epochs: int = 40
    epoch_patience: int = 8
    trial_time_s: float | None = None
    workers: int | None = None
    weights_dir: Path | None = None
    cache_dir: Path | None = None
    download: bool = True
    stop: tuple[str, ...] = ()
    extend: bool = False
    devices: tuple[str, ...] | None = None
    workers_per_device: int = 1
    worker_memory_bytes: int | None = None
    hang_s: float = 300.0
    address: str | None = None
    storage: str | None = None
    checkpoint_s: float = 10.0
    weights: str | None = None
    channels: int | None = None
    score_train: bool = False
    tensorboard: bool = False

    @property
    def of_task(self) -> TaskRequest:
        """What it says of the data."""
        return TaskRequest(self.task, self.data, self.sample, self.options, self.external_test)

    @property
    def how_split(self) -> SplitRequest:
        """How the data are to be split."""
        return SplitRequest(self.protocol, self.seed, self.splits, self.external_test)

    @property
    def limits(self) -> Limits:
        """When to stop: 30 trials if nothing else limits the search."""
        unlimited = self.trials is None and self.time_s is None and self.patience is None
        trials = DEFAULT_TRIALS if unlimited else self.trials
        if len(self.stop) > 1:
            raise ConfigurationError(f"got {len(self.stop)} stopping rules, expected one at most")
        same = parse_same(self.stop[0]) if self.stop else None
        return Limits(trials, self.time_s, self.patience, self.target, same)

    def limits_json(self) -> dict[str, Any]:
        """When to stop, as JSON types."""
        return asdict(self.limits) | {"trial_time_s": self.trial_limit_s}

    @property
    def of_executor(self) -> ExecutorOptions:
        """How the executor is to be set up."""
        return ExecutorOptions(
            workers=self.workers,
            devices=self.devices,
            workers_per_device=self.workers_per_device,
            worker_memory_bytes=self.worker_memory_bytes,
            hang_s=self.hang_s,
            address=self.address,
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON types, for `from_json`: absolute paths, no passwords."""
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Path):
                value = str(value.resolve())
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, Mapping):
                value = dict(value)
            found[each.name] = value
        found["storage"] = redacted(self.storage) if self.storage else None
        found["trials"] = self.limits.trials  # the default too: more time must not take it away
        return {name: value for name, value in found.items() if name not in ("out", "extend")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], out: Path) -> SearchRequest:
        """Rebuild it from what `to_json` returned, for a run directory that may have moved."""
        made: dict[str, Any] = {"out": out}
        for each in fields(cls):
            if each.name not in data:
                continue
            value = data[each.name]
            if isinstance(value, list):
                value = tuple(value)
            if value is not None and each.name in PATHS:
                value = Path(value)
            made[each.name] = value
        return cls(**made)

    @property
    def trial_limit_s(self) -> float | None:
        """Most seconds a trial: as asked, else a fifth of the time, but a minute at least."""
        if self.trial_time_s is not None or self.time_s is None:
            return self.trial_time_s
        return max(60.0, self.time_s / 5)

    def check(self, catalog: Catalog) -> None:
        """Raise one error that names everything that is wrong.

        Raises:
            ConfigurationError: a value is out of range, or a name is unknown.
            PluginError: a plugin that was asked for is broken.
        """
        problems = [*self._number_problems()]
        named: list[AutomedimgError] = []
        asked = [
            (catalog.datasets, (self.task,) if self.task else ()),
            (catalog.metrics, (self.metric,)),
            (catalog.executors, (self.executor,)),
            (catalog.backbones, _but_all(self.backbones)),
            (catalog.heads, _but_all(self.heads)),
        ]
        for shelf, names in asked:
            for name in names:
                try:
                    shelf.get(name)  # type: ignore[attr-defined]
                except AutomedimgError as error:
                    named.append(error)
        checks: list[Callable[[], object]] = [
            lambda: check_strategy(catalog, self.strategy),
            lambda: self.limits,
            lambda: self.of_task.check(catalog),
            lambda: self.how_split,
            lambda: parse_preprocessing(self.preprocessings),
            lambda: usual_values(self.vary),
            asked_precision,
            lambda: check_package() if self.tensorboard else None,
        ]
        for check in checks:
            try:
                check()
            except AutomedimgError as error:
                # An unknown task was named above.
                if error.message not in [known.message for known in named]:
                    named.append(error)
        if len(named) == 1 and not problems:
            raise named[0]
        problems += [error.message for error in named]
        if problems:
            hints = dict.fromkeys(error.hint for error in named if error.hint)
            raise ConfigurationError("; ".join(problems), "; ".join(hints) or None)

    def _number_problems(self) -> list[str]:
        at_least = [
            ("trials", self.trials, 1),
            ("time", self.time_s, 1),
            ("trial time", self.trial_time_s, 1),
            ("patience", self.patience, 1),
            ("epochs", self.epochs, 1),
            ("epoch patience", self.epoch_patience, 1),
            ("workers", self.workers, 1),
            ("workers per device", self.workers_per_device, 1),
            ("worker memory", self.worker_memory_bytes, 1),
            ("hang time", self.hang_s, 1),
            ("checkpoint time", self.checkpoint_s, 0),
            ("image size", self.image_size, 32),
            ("seed", self.seed, 0),
        ]
        problems = [
            f"{name} is {value}, expected {low} or more"
            for name, value, low in at_least
            if value is not None and not value >= low
        ]
        if self.channels not in (None, 1, 3):
            problems.append(f"channels are {self.channels}, expected 1 (grey) or 3 (colour)")
        if self.target is not None and not math.isfinite(self.target):
            problems.append(f"target is {self.target}, expected a finite number")
        return problems


def _but_all(names: Sequence[str]) -> list[str]:
    """The names that stand for one component each."""
    return [name for name in names if name != ALL]


def resumed_request(
    run: Mapping[str, Any], folder: Path, changes: Mapping[str, Any]
) -> SearchRequest:
    """Rebuild the request of a run, with some settings changed.

    Args:
        run: What `run.json` says.
        folder: The run directory.
        changes: By name of a field; paths may be text.
    Raises:
        ConfigurationError: an unknown setting, or a storage whose password is not known.
    """
    known = {each.name for each in fields(SearchRequest)} - {"out"}
    changes = {"preprocessings" if n == "preprocessing" else n: v for n, v in changes.items()}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise ConfigurationError(
            f"unknown setting {', '.join(f'`{name}`' for name in unknown)}",
            f"a search has {', '.join(sorted(known))}",
        )
    storage = changes.get("storage") or os.environ.get("AUTOMEDIMG_STORAGE")
    if run["storage"] and storage and redacted(storage) != run["storage"]:
        raise ConfigurationError(
            f"the ledger of this run is in `{run['storage']}`, not in `{redacted(storage)}`"
        )
    if storage and not run["storage"] and "storage" in changes:
        raise ConfigurationError(
            "the ledger of this run is in the run directory, not on a server",
            "a search on a server begins with `--storage`",
        )
    plain = {
        name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()
    }
    data = {**run["request"], **plain}
    data["storage"] = (storage or run["storage"]) if run["storage"] else None
    return SearchRequest.from_json(data, folder)
