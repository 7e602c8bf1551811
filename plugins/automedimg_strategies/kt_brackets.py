"""The brackets of KerasTuner's Hyperband, rebuilt from the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from optuna import Study
from optuna.trial import TrialState

from automedimg.contracts import Outline
from automedimg_strategies.axes import random_values
from automedimg_strategies.evidence import Seen
from automedimg_strategies.keras_tools import keras_tuner
from automedimg_strategies.kt_oracle import ask, options, tell
from automedimg_strategies.kt_space import Translation

PLACE = "automedimg:hyperband"
"""Attribute of a trial in the ledger: its bracket (None: in none), rung and epochs, and the trial
that it takes further."""


class Brackets:
    """An oracle as it stood before a trial, and what it then said.

    Args:
        outline: Of the search.
        translation: Of its space.
        study: The ledger.
        number: The trial's.
        seed: Of what is drawn.
    """

    def __init__(
        self, outline: Outline, translation: Translation, study: Study, number: int, seed: int
    ) -> None:
        self._outline, self._translation = outline, translation
        self._number, self._seed = number, seed
        self._oracle = keras_tuner().oracles.HyperbandOracle(
            max_epochs=outline.epochs,
            # None goes on with new brackets; the search's own limits end it.
            hyperband_iterations=None,
            **options(translation, outline.maximize, seed),
        )
        tell(self._oracle, translation, _seen(study, number, outline.maximize))
        self._brackets = self._rebuild(study)
        self._status, self._values = ask(self._oracle, number)

    @property
    def stopped(self) -> bool:
        """Whether the oracle proposes nothing any more."""
        return self._status == "STOPPED"

    @property
    def place(self) -> dict[str, Any]:
        """Where the trial stands now, in plain JSON types."""
        for index, bracket in enumerate(self._all()):
            for rung, trials in enumerate(bracket["rounds"]):
                for trial in trials:
                    if trial["id"] == str(self._number):
                        epochs = self._oracle._get_epochs(bracket["bracket_num"], rung)
                        return _place(index, rung, epochs, trial["past_id"])
        return _place(None, 0, self._oracle._get_epochs(self._oracle._current_bracket, 0), None)

    @property
    def values(self) -> dict[str, Any]:
        """The configuration by ledger name.

        Where the oracle waits for running trials, or has seen everything, it is a random one.
        """
        draw = np.random.default_rng(self._seed).random
        params = self._translation.decode(self._values)
        return params or random_values(self._outline.space, draw, {})

    def _all(self) -> list[Any]:
        """The brackets in their order, and the one that was begun last."""
        begun = [each for each in self._oracle._brackets if not _among(self._brackets, each)]
        return [*self._brackets, *begun]

    def _rebuild(self, study: Study) -> list[Any]:
        oracle, brackets = self._oracle, list(self._oracle._brackets)
        for trial in study.get_trials(deepcopy=False):
            place = trial.system_attrs.get(PLACE)
            if place is None or place["bracket"] is None or trial.number == self._number:
                continue
            while place["bracket"] >= len(brackets):
                oracle._increment_bracket_num()
                oracle._start_new_bracket()
                brackets.append(oracle._brackets[-1])
            rung = brackets[place["bracket"]]["rounds"][place["rung"]]
            rung.append({"past_id": place["past"], "id": str(trial.number)})
        return brackets


def _seen(study: Study, number: int, maximize: bool) -> Iterator[Seen]:
    """The other trials; one that failed counts as the worst, or its rung would never be done."""
    for trial in study.get_trials(deepcopy=False):
        if trial.number == number or trial.state is TrialState.WAITING:
            continue
        value = trial.value if trial.state is TrialState.COMPLETE else None
        if value is None and trial.state.is_finished():
            value = -math.inf if maximize else math.inf
        yield Seen(trial.number, trial.params, value)


def _place(bracket: int | None, rung: int, epochs: int, past: str | None) -> dict[str, Any]:
    return {"bracket": bracket, "rung": rung, "epochs": epochs, "past": past}


def _among(brackets: list[Any], bracket: Any) -> bool:
    """Whether it is one of them: two brackets may well look alike."""
    return any(each is bracket for each in brackets)
