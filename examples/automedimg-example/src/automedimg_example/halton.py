"""A strategy that keeps nothing: what it proposes follows from the outline and a trial's number."""

from typing import Any

from automedimg.contracts import Outline, Strategy
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial
from scipy.stats import qmc


class Halton(Strategy):
    """Spreads trials more evenly over the choices than random draws do.

    A sampler is made anew for each value, each time with another seed, and the search may be killed
    and continued in between. So the sequence is that of the search's seed, which `prepare` brings,
    and the place in it is the trial's number. Optuna's `QMCSampler` counts in the ledger instead:
    taken up again, a trial would get the next point.
    """

    def prepare(self, outline: Outline) -> None:
        """Look at the space: it is where the sequence gets its dimensions from."""
        self.outline = outline

    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler of Halton's sequence; numbers are drawn at random."""
        return _Sequence(self.outline, seed)

    def pruner(self) -> BasePruner:
        """Return a pruner that lets every trial finish: an even sample wants all its points."""
        return NopPruner()


class _Sequence(BaseSampler):
    def __init__(self, outline: Outline, seed: int) -> None:
        self.outline, self.random = outline, RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}  # nothing is proposed together

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        if not isinstance(param_distribution, CategoricalDistribution):
            return self.random.sample_independent(study, trial, param_name, param_distribution)
        names = [parameter.name for parameter in self.outline.space]
        sequence = qmc.Halton(len(names), seed=self.outline.seed)
        point = sequence.random(trial.number + 1)[-1]
        choices = param_distribution.choices
        return choices[int(point[names.index(param_name)] * len(choices))]
