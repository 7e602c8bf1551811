"""What a listener hears during a search. Listeners can't change a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from automedimg.contracts.trials import TrialResult


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of the work has begun: reading images, looking for copies, opening the test split."""

    text: str
    total: int | None = None


@dataclass(frozen=True, slots=True)
class StageAdvanced:
    """So many steps of the present stage are done."""

    done: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user should know, said once."""

    text: str
    important: bool = False


@dataclass(frozen=True, slots=True)
class PartStarted:
    """One of several searches that belong together is about to begin.

    Args:
        number: Counted from 1.
        total: How many there are.
        title: Which one it is.
    """

    number: int
    total: int
    title: str


@dataclass(frozen=True, slots=True)
class SearchStarted:
    """Trials are about to run.

    Args:
        run: The run directory.
        task: The task's name.
        metric: The metric that selects.
        trials: How many are wanted in all; None where only time limits them.
        time_s: Budget in seconds, if any.
        done: Trials that an earlier session finished.
        devices: What they run on.
    """

    run: str
    task: str
    metric: str
    trials: int | None
    time_s: float | None
    done: int
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial was handed to a worker."""

    number: int
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EpochFinished:
    """A trial finished an epoch; `value` is the metric on the validation split."""

    number: int
    epoch: int
    epochs: int
    value: float
    loss: float


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial ended; `best` says whether it leads now."""

    result: TrialResult
    best: bool


@dataclass(frozen=True, slots=True)
class SearchFinished:
    """The search has ended; `result` is what `result.json` holds."""

    run: str
    result: Mapping[str, Any]


Event: TypeAlias = (
    StageStarted
    | StageAdvanced
    | Notice
    | PartStarted
    | SearchStarted
    | TrialStarted
    | EpochFinished
    | TrialFinished
    | SearchFinished
)
