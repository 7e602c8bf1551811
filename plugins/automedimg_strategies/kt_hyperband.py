"""KerasTuner's Hyperband."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from optuna import Study
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from automedimg.contracts import Outline
from automedimg_strategies.kt_brackets import PLACE, Brackets
from automedimg_strategies.kt_space import Translation
from automedimg_strategies.whole import Outlined, Whole


class KtHyperband(Outlined):
    """Random configurations, trained for few epochs; the best of them again, for more.

    A bracket begins with many trials of few epochs; a third of them go on to the next rung, with
    three times the epochs. A configuration that goes on is a trial of its own and is trained anew
    from its first epoch: what a trial reports stays what one training gave. Brackets follow each
    other, the boldest first, for as long as the search runs. The defaults stand outside of them,
    and are trained in full.

    Where a trial stands is written to the ledger with it, so that a continued search rebuilds the
    brackets as they were. When no rung can go on, because other workers are still busy on it, the
    next bracket is begun.

    Source: Li et al. (2018), Hyperband, JMLR 18; O'Malley et al. (2019), KerasTuner.
    """

    def prepare(self, outline: Outline) -> None:
        """Keep the outline; it is translated when that is first needed."""
        super().prepare(outline)
        self.__dict__.pop("_translation", None)

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler."""
        return _Hyperband(self.outline, seed, self._translation)

    def pruner(self) -> BasePruner:
        """Return one that never prunes: the rungs do that."""
        return NopPruner()

    def epochs(self, study: Study, number: int) -> int | None:
        """The epochs of the trial's rung."""
        place = study.get_trials(deepcopy=False)[number].system_attrs.get(PLACE)
        return None if place is None else int(place["epochs"])

    def exhausted(self, study: Study) -> bool:
        """Whether the oracle has stopped: it finds no configuration that it has not seen."""
        number = len(study.get_trials(deepcopy=False))
        if number < len(self.outline.defaults) or not self.outline.space:
            return False
        return Brackets(self.outline, self._translation, study, number, self.outline.seed).stopped

    @cached_property
    def _translation(self) -> Translation:
        return Translation(self.outline.space)


class _Hyperband(Whole):
    def __init__(self, outline: Outline, seed: int, translation: Translation) -> None:
        super().__init__(outline, seed)
        self._translation = translation

    def propose(self, study: Study, trial: FrozenTrial) -> Mapping[str, Any]:
        place = trial.system_attrs.get(PLACE)
        if place is not None and place["past"] is not None:
            past: dict[str, Any] = study.get_trials(deepcopy=False)[int(place["past"])].params
            return past
        now = Brackets(self.outline, self._translation, study, trial.number, self.seed)
        # A trial that is taken up again keeps the place that it was given.
        if place is None:
            study._storage.set_trial_system_attr(trial._trial_id, PLACE, now.place)
        return now.values
