"""The plugin as automedimg sees it."""

import optuna
import pytest
from automedimg.registry import Catalog

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
    assert catalog.strategies.names() == ["qmc"]


def test_qmc_goes_on_where_a_resumed_search_stopped(catalog):
    """A sampler is made anew for each trial; the points must still be a sequence's, all apart."""
    strategy = catalog.strategies.make("qmc")
    study = optuna.create_study(direction="maximize")
    for number in range(9):
        study.sampler = strategy.sampler(seed=number)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    points = [trial.params["x"] for trial in study.trials[1:]]
    assert points == [0.0, 0.5, 0.75, 0.25, 0.375, 0.875, 0.625, 0.125]
