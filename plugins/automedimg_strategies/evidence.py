"""What the ledger says of the trials so far, in the one form that the models here read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial, TrialState


@dataclass(frozen=True, slots=True)
class Seen:
    """A trial that something can be learnt from.

    Args:
        number: Its number.
        params: Its values by ledger name: those that were active, and no others.
        value: Of the metric; None while it runs.
    """

    number: int
    params: Mapping[str, Any]
    value: float | None


def seen(study: Study, besides: int) -> list[Seen]:
    """Return the trials of a study that have a value, in the order in which they ended, then those
    that run; trials that failed say nothing.

    A pruned trial counts with the last value it had: to leave it out would hide exactly those
    regions that are not worth a visit.

    Args:
        study: The ledger.
        besides: Number of the trial that is being proposed.
    """
    ended, running = [], []
    for trial in study.get_trials(deepcopy=False):
        if trial.number == besides:
            continue
        if trial.state is TrialState.RUNNING:
            running.append(Seen(trial.number, trial.params, None))
        value = _value(trial)
        if value is not None:
            ended.append((trial.datetime_complete, Seen(trial.number, trial.params, value)))
    # A stable sort: trials that ended in the same microsecond keep the order of their numbers.
    ended.sort(key=lambda pair: pair[0].timestamp() if pair[0] else 0.0)
    return [trial for _, trial in ended] + running


def worst(trials: Sequence[Seen], maximize: bool) -> float:
    """The worst value there is; 0 if there is none."""
    values = [trial.value for trial in trials if trial.value is not None]
    return (min if maximize else max)(values, default=0.0)


def _value(trial: FrozenTrial) -> float | None:
    """The value that a trial ended with, if it is a number."""
    value = None
    if trial.state is TrialState.COMPLETE:
        value = trial.value
    elif trial.state is TrialState.PRUNED and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    return value if value is not None and math.isfinite(value) else None
