"""The plugin as automedimg sees it."""

import optuna
import pytest
from automedimg.contracts import Outline, Parameter
from automedimg.registry import Catalog
from optuna.distributions import CategoricalDistribution

import automedimg_example


@pytest.fixture
def catalog():
    made = Catalog()
    made.add(automedimg_example, "automedimg-example:example", "0.1.0")
    return made


def test_nothing_is_broken_and_everything_is_listed(catalog):
    assert [plugin.broken for plugin in catalog.plugins] == [""]
    assert catalog.datasets.names() == ["shapes"]
    assert catalog.backbones.names() == ["tiny"]
    assert catalog.metrics.names() == ["kappa"]
    assert catalog.strategies.names() == ["halton"]


def test_halton_gives_each_trial_its_own_point_of_one_sequence(catalog):
    """A sampler is made anew for each value; every four trials must still see four choices."""
    choices = CategoricalDistribution(("a", "b", "c", "d"))
    strategy = catalog.strategies.make("halton")
    strategy.prepare(Outline([Parameter("x", choices)], (), seed=3, epochs=1, maximize=True))
    study = optuna.create_study(direction="maximize")
    for number in range(12):
        study.sampler = strategy.sampler(seed=number)
        study.optimize(lambda trial: len(trial.suggest_categorical("x", choices.choices)), 1)
    chosen = [trial.params["x"] for trial in study.trials]
    assert all(sorted(chosen[i : i + 4]) == list("abcd") for i in (0, 4, 8))
