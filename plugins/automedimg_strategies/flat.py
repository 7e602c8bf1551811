"""Optuna's own samplers on one group of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from automedimg.contracts import Parameter
from automedimg_strategies.evidence import Seen


def ask(
    sampler: BaseSampler, parameters: Sequence[Parameter], trials: Sequence[Seen], maximize: bool
) -> dict[str, Any]:
    """Return what a sampler proposes for parameters, having seen nothing but them.

    It works on a study of its own, in memory, where every trial has exactly these parameters.
    """
    distributions = {parameter.name: parameter.distribution for parameter in parameters}
    with _quiet():
        study = optuna.create_study(
            direction="maximize" if maximize else "minimize", sampler=sampler
        )
    for trial in trials:
        state = TrialState.RUNNING if trial.value is None else TrialState.COMPLETE
        params = {name: trial.params[name] for name in distributions}
        study.add_trial(
            optuna.trial.create_trial(
                state=state, value=trial.value, params=params, distributions=distributions
            )
        )
    return dict(study.ask(distributions).params)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the line away that Optuna logs of every new study."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
