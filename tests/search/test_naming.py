"""A strategy by its name, or by the import path of a class."""

import sys

import pytest
from optuna.pruners import MedianPruner
from optuna.samplers import RandomSampler

from automedimg.contracts import Strategy, StrategySpec, hookimpl
from automedimg.errors import ConfigurationError, UnknownNameError
from automedimg.search.naming import check_strategy, get_strategy

MODULE = """
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler, RandomSampler, GridSampler
from automedimg.contracts import Strategy

class Own(Strategy):
    def sampler(self, seed):
        return RandomSampler(seed=seed)
    def pruner(self):
        return NopPruner()

class Unseeded(RandomSampler):
    def __init__(self):
        super().__init__(seed=0)

class Anything(RandomSampler):
    def __init__(self, **options):
        assert "seed" not in options
        super().__init__()

class Raises(RandomSampler):
    def __init__(self, seed=None):
        raise ValueError("no good")

class Outer:
    Inner = RandomSampler

class Abstract(BaseSampler):
    pass

number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_strategies.py").write_text(MODULE)
    (tmp_path / "broken_strategies.py").write_text("import surely_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("my_strategies", "broken_strategies"):
        sys.modules.pop(name, None)


def test_a_plain_name_comes_from_the_catalog(catalog):
    class Mine(Strategy):
        def sampler(self, seed):
            return RandomSampler(seed=seed)

        def pruner(self):
            return MedianPruner()

    plugin = type("Plugin", (), {})()
    plugin.automedimg_strategies = hookimpl(lambda: [StrategySpec("mine", "Mine", Mine)])
    catalog.add(plugin, "plugin")
    assert isinstance(get_strategy(catalog, "mine"), Mine)
    check_strategy(catalog, "mine")
    for function in (get_strategy, check_strategy):
        with pytest.raises(UnknownNameError, match="other"):
            function(catalog, "other")


def test_a_strategy_is_used_as_it_is(catalog, module):
    assert type(get_strategy(catalog, "my_strategies:Own")).__name__ == "Own"
    check_strategy(catalog, "my_strategies:Own")


@pytest.mark.parametrize(
    "name",
    ["optuna.samplers:RandomSampler", "my_strategies:Outer.Inner", "optuna.samplers:TPESampler"],
)
def test_a_sampler_gets_the_seed(catalog, module, name):
    strategy = get_strategy(catalog, name)
    numbers = [strategy.sampler(seed)._rng.rng.random() for seed in (5, 5, 6)]
    assert numbers[0] == numbers[1] != numbers[2]
    assert isinstance(strategy.pruner(), MedianPruner)


@pytest.mark.parametrize("name", ["my_strategies:Unseeded", "my_strategies:Anything"])
def test_one_that_takes_no_seed_gets_none(catalog, module, name):
    assert isinstance(get_strategy(catalog, name).sampler(3), RandomSampler)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("surely.not_there:Sampler", "can't be imported"),
        ("broken_strategies:Sampler", "surely_not_installed"),
        ("my_strategies:Missing", "Missing"),
        ("my_strategies:number", "expected a subclass"),
        ("my_strategies:Outer", "expected a subclass"),
        ("my_strategies:Raises", "ValueError: no good"),
        ("my_strategies:Abstract", "TypeError"),
        ("optuna.samplers:GridSampler", "search_space"),
        ("my_strategies:", "import path"),
        (":Own", "import path"),
        (".relative:Own", "can't be imported"),
    ],
)
def test_what_cannot_search_is_explained(catalog, module, name, message):
    for function in (get_strategy, check_strategy):
        with pytest.raises(ConfigurationError, match=message) as caught:
            function(catalog, name)
        assert caught.value.hint
