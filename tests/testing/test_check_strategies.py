import pytest
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler

from automedimg.contracts import Strategy, StrategySpec
from automedimg.testing.searching import SPACE


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


class Counts(Sound):
    """Goes on where the last proposal of this session left off."""

    def prepare(self, outline):
        self.calls = 0

    sampler = Remembers.sampler


class Greedy(BaseSampler):
    """Writes a value of each parameter into the ledger, active or not."""

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        for parameter in SPACE[:3]:
            kind = parameter.distribution
            value = kind.to_internal_repr(getattr(kind, "choices", (8,))[-1])
            if parameter.name not in trial.params:
                study._storage.set_trial_param(trial._trial_id, parameter.name, value, kind)
        return {}

    def sample_independent(self, study, trial, name, distribution):
        return RandomSampler(seed=0).sample_independent(study, trial, name, distribution)


class Inactive(Sound):
    def sampler(self, seed):
        return Greedy()


class TooLong(Sound):
    def epochs(self, study, number):
        return 0


class Forgets(Sound):
    asked = 0

    def epochs(self, study, number):
        self.asked += 1
        return self.asked % 5 + 1


class OneIdea(RandomSampler):
    """Has one answer to every trial of which something is fixed."""

    def sample_independent(self, study, trial, name, distribution):
        if "fixed_params" in trial.system_attrs:
            return RandomSampler(seed=0).sample_independent(study, trial, name, distribution)
        return super().sample_independent(study, trial, name, distribution)


class Unadvised(Sound):
    takes_advice = True

    def sampler(self, seed):
        return OneIdea(seed=seed)


class Vague(Sound):
    def exhausted(self, study):
        return 0


class Advised(Sound):
    takes_advice = True


def test_a_sound_strategy_passes(failing):
    assert failing(strategies=[StrategySpec("it", "It", Sound)]) == {}
    assert failing(strategies=[StrategySpec("it", "It", Advised)]) == {}


@pytest.mark.parametrize(
    ("strategy", "check"),
    [
        (Unseeded, "repeats_itself"),
        (Remembers, "repeats_itself"),
        (Remembers, "resumes"),
        (Counts, "resumes"),
        (Inactive, "searches_a_conditional_space"),
        (TooLong, "epochs_and_exhausted"),
        (Forgets, "epochs_and_exhausted"),
        (Vague, "epochs_and_exhausted"),
        (Unadvised, "takes_advice"),
        (NoSampler, "has_sampler_and_pruner"),
        (NoPruner, "has_sampler_and_pruner"),
        (OutOfRange, "searches_a_conditional_space"),
        (OddPruner, "pruner_answers"),
    ],
)
def test_broken_strategies_are_caught(failing, strategy, check):
    assert check in failing(strategies=[StrategySpec("it", "It", strategy)])
