"""KerasTuner's oracles, asked without a tuner.

An oracle is made anew for each proposal and told the trials of the ledger; nothing of it is kept,
and nothing is written to a disk. `Oracle.create_trial` would count failures in a row and stop at
the third, print, and save itself after each step: `populate_space`, which proposes, does none of
that.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from automedimg_strategies.evidence import Seen
from automedimg_strategies.keras_tools import keras_tuner
from automedimg_strategies.kt_space import Translation

METRIC = "score"


def options(translation: Translation, maximize: bool, seed: int) -> dict[str, Any]:
    """What every oracle is made with."""
    return {
        "objective": keras_tuner().Objective(METRIC, "max" if maximize else "min"),
        "hyperparameters": translation.hyperparameters,
        # To an oracle, the seed 0 is none.
        "seed": seed % (2**31 - 1) + 1,
    }


def tell(oracle: Any, translation: Translation, trials: Iterable[Seen]) -> None:
    """Add trials to those that an oracle knows; a value of None is of one that runs."""
    engine = keras_tuner().engine.trial
    for seen in trials:
        trial = engine.Trial(
            hyperparameters=translation.holding(seen.params), trial_id=str(seen.number)
        )
        if seen.value is None:
            oracle.ongoing_trials[trial.trial_id] = trial
        else:
            trial.status, trial.score = engine.TrialStatus.COMPLETED, seen.value
        oracle.trials[trial.trial_id] = trial
        oracle._tried_so_far.add(oracle._compute_values_hash(trial.hyperparameters.values))


def ask(oracle: Any, number: int) -> tuple[str, dict[str, Any]]:
    """Return an oracle's status, and its values if that is ``RUNNING``."""
    with warnings.catch_warnings():
        # scikit-learn's, about hyperparameters of a Gaussian process that end at their bounds.
        warnings.simplefilter("ignore")
        answer = oracle.populate_space(str(number))
    return str(answer["status"]), dict(answer.get("values") or {})
