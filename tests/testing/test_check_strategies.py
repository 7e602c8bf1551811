import pytest
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler

from automedimg.contracts import Strategy, StrategySpec


class Sound(Strategy):
    def sampler(self, seed):
        return RandomSampler(seed=seed)

    def pruner(self):
        return NopPruner()


class Unseeded(Sound):
    def sampler(self, seed):
        return RandomSampler()


class Remembers(Sound):
    def __init__(self):
        self.calls = 0

    def sampler(self, seed):
        self.calls += 1
        return RandomSampler(seed=seed + self.calls)


class NoSampler(Sound):
    def sampler(self, seed):
        return "random"


class NoPruner(Sound):
    def pruner(self):
        return None


class Lowest(BaseSampler):
    """Proposes what lies outside numeric ranges."""

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, name, distribution):
        if hasattr(distribution, "choices"):
            return distribution.choices[0]
        return distribution.low - 1


class OutOfRange(Sound):
    def sampler(self, seed):
        return Lowest()


class Undecided(BasePruner):
    def prune(self, study, trial):
        return "maybe"


class OddPruner(Sound):
    def pruner(self):
        return Undecided()


def test_a_sound_strategy_passes(failing):
    assert failing(strategies=[StrategySpec("it", "It", Sound)]) == {}


@pytest.mark.parametrize(
    ("strategy", "check"),
    [
        (Unseeded, "repeats_itself"),
        (Remembers, "repeats_itself"),
        (NoSampler, "has_sampler_and_pruner"),
        (NoPruner, "has_sampler_and_pruner"),
        (OutOfRange, "searches_a_conditional_space"),
        (OddPruner, "pruner_answers"),
    ],
)
def test_broken_strategies_are_caught(failing, strategy, check):
    assert check in failing(strategies=[StrategySpec("it", "It", strategy)])
