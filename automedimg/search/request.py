"""What a user asks of a search, checked as a whole before anything is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automedimg.data.dividing import SplitRequest
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.data.resolving import TaskRequest
from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.registry import Catalog
from automedimg.search.stopping import Limits

DEFAULT_TRIALS = 30


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
    image_size: int | None = None
    epochs: int = 40
    epoch_patience: int = 8
    trial_time_s: float | None = None
    workers: int | None = None
    weights_dir: Path | None = None
    cache_dir: Path | None = None
    download: bool = True

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
        return Limits(trials, self.time_s, self.patience, self.target)

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
            (catalog.strategies, (self.strategy,)),
            (catalog.executors, (self.executor,)),
            (catalog.backbones, self.backbones),
            (catalog.heads, self.heads),
        ]
        for shelf, names in asked:
            for name in names:
                try:
                    shelf.get(name)  # type: ignore[attr-defined]
                except AutomedimgError as error:
                    named.append(error)
        checks: list[Callable[[], object]] = [
            lambda: self.of_task.check(catalog),
            lambda: self.how_split,
            lambda: parse_preprocessing(self.preprocessings),
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
            ("image size", self.image_size, 32),
            ("seed", self.seed, 0),
        ]
        problems = [
            f"{name} is {value}, expected {low} or more"
            for name, value, low in at_least
            if value is not None and not value >= low
        ]
        if self.target is not None and not math.isfinite(self.target):
            problems.append(f"target is {self.target}, expected a finite number")
        return problems
