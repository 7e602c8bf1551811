"""AutoKeras's greedy search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from optuna import Study
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from automedimg.contracts import Outline
from automedimg_strategies.axes import random_values
from automedimg_strategies.evidence import seen
from automedimg_strategies.grid_tree import mentioned
from automedimg_strategies.keras_tools import greedy_oracle
from automedimg_strategies.kt_oracle import ask, options, tell
from automedimg_strategies.kt_space import Translation
from automedimg_strategies.whole import Outlined, Whole


class AkGreedy(Outlined):
    """Takes the best trial so far and draws some of its values anew.

    Which ones: AutoKeras reads the names of the parameters as paths, and picks a node of the tree
    that they make, small nodes more often. Here a path begins with the component
    (``mobilenetv2/alpha``), with ``components`` for the choices that others depend on, or with
    ``training``: so it redraws one value, all of a component, all of training, or everything.

    Source: Jin et al. (2023), AutoKeras: An AutoML Library for Deep Learning, JMLR 24.
    """

    def prepare(self, outline: Outline) -> None:
        """Keep the outline; it is translated when that is first needed."""
        super().prepare(outline)
        self.__dict__.pop("_translation", None)

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler."""
        return _Greedy(self.outline, seed, self._translation)

    def exhausted(self, study: Study) -> bool:
        """Whether the oracle finds nothing near the best trial that it has not seen."""
        number = len(study.get_trials(deepcopy=False))
        if number < len(self.outline.defaults) or not self.outline.space:
            return False
        status, _ = _ask(self._translation, self.outline, study, number, self.outline.seed)
        return status == "STOPPED"

    @cached_property
    def _translation(self) -> Translation:
        chosen = mentioned(self.outline.space)
        return Translation(self.outline.space, lambda name: path_of(name, name in chosen))


class _Greedy(Whole):
    def __init__(self, outline: Outline, seed: int, translation: Translation) -> None:
        super().__init__(outline, seed)
        self._translation = translation

    def propose(self, study: Study, trial: FrozenTrial) -> Mapping[str, Any]:
        _, values = _ask(self._translation, self.outline, study, trial.number, self.seed)
        params = self._translation.decode(values)
        return params or random_values(
            self.outline.space, np.random.default_rng(self.seed).random, {}
        )


def path_of(name: str, chosen: bool) -> str:
    """Return a ledger name as AutoKeras reads it.

    Args:
        name: The ledger name.
        chosen: Whether others depend on it.
    """
    component, dot, rest = name.partition(".")
    if dot:
        return f"{component}/{rest}"
    return f"components/{name}" if chosen else f"training/{name}"


def _ask(
    translation: Translation, outline: Outline, study: Study, number: int, seed: int
) -> tuple[str, dict[str, Any]]:
    oracle = greedy_oracle()(**options(translation, outline.maximize, seed))
    tell(oracle, translation, seen(study, besides=number))
    with _seeded(seed):
        return ask(oracle, number)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed NumPy's global state, which the oracle draws from, and put it back afterwards."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
