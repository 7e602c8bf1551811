"""A request is checked as a whole before anything is done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from automedimg.contracts import (
    BackboneSpec,
    DatasetSpec,
    ExecutorSpec,
    HeadSpec,
    MetricSpec,
    Source,
    StrategySpec,
    hookimpl,
)
from automedimg.errors import ConfigurationError, PluginError, UnknownNameError
from automedimg.registry import Catalog
from automedimg.search.request import DEFAULT_TRIALS, SearchRequest
from automedimg.search.stopping import Limits


def offering(specs: list[Any]) -> Any:
    return lambda: specs


@pytest.fixture
def catalog() -> Catalog:
    """One component of each kind, and a backbone that two plugins claim."""
    factory: Any = object
    specs = {
        "automedimg_datasets": [DatasetSpec("toys", "Toys", factory, ("a", "b"), Source("Me"))],
        "automedimg_backbones": [BackboneSpec(n, "Net", factory) for n in ("net", "twin")],
        "automedimg_heads": [HeadSpec("dense", "Head", factory)],
        "automedimg_strategies": [StrategySpec("tpe", "Strategy", factory)],
        "automedimg_metrics": [MetricSpec("auc", "Metric", factory)],
        "automedimg_executors": [ExecutorSpec("local", "Executor", factory)],
    }
    hooks = {name: hookimpl(offering(found)) for name, found in specs.items()}
    found = Catalog()
    found.add(SimpleNamespace(**hooks), "demo")
    twin = hookimpl(lambda: [BackboneSpec("twin", "Another", factory)])
    found.add(SimpleNamespace(automedimg_backbones=twin), "other")
    return found


def request(**settings: Any) -> SearchRequest:
    return SearchRequest(**({"task": "toys", "out": Path("out")} | settings))


def test_the_defaults_are_in_order(catalog: Catalog) -> None:
    request().check(catalog)
    request(backbones=("net",), heads=("dense",), trials=1, time_s=1.0, seed=0).check(catalog)
    request(backbones=("all",), heads=("all",)).check(catalog)


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ({"task": "toyz"}, "task `toyz`"),
        ({"metric": "acu"}, "metric `acu`"),
        ({"strategy": "tpee"}, "strategy `tpee`"),
        ({"executor": "lokal"}, "executor `lokal`"),
        ({"backbones": ("nett",)}, "backbone `nett`"),
        ({"heads": ("dens",)}, "head `dens`"),
    ],
)
def test_one_unknown_name_keeps_its_hint(
    catalog: Catalog, setting: dict[str, Any], kind: str
) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {kind}") as caught:
        request(**setting).check(catalog)
    assert "did you mean" in (caught.value.hint or "")


def test_a_conflict_stays_a_plugin_error(catalog: Catalog) -> None:
    with pytest.raises(PluginError, match="claimed by `demo` and `other`"):
        request(backbones=("twin",)).check(catalog)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"trials": 0}, "trials is 0, expected 1 or more"),
        ({"time_s": 0.0}, "time is 0.0, expected 1"),
        ({"time_s": float("nan")}, "time is nan"),
        ({"trial_time_s": -5.0}, "trial time is -5.0"),
        ({"patience": 0}, "patience is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epoch_patience": 0}, "epoch patience is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"image_size": 31}, "image size is 31, expected 32"),
        ({"seed": -1}, "seed is -1, expected 0"),
        (
            {"protocol": "patients"},
            "unknown protocol `patients`; expected one of grouped, published, upright, random",
        ),
        ({"sample": True, "data": Path("d")}, "--sample .*either it or --data"),
    ],
)
def test_a_value_out_of_range_is_named(
    catalog: Catalog, setting: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigurationError, match=text):
        request(**setting).check(catalog)


def test_all_that_is_wrong_is_said_at_once(catalog: Catalog) -> None:
    wrong = request(
        task="toyz", metric="acu", backbones=("nett", "net", "twin"), trials=-1, epochs=0
    )
    with pytest.raises(ConfigurationError) as caught:
        wrong.check(catalog)
    for part in ("`toyz`", "`acu`", "`nett`", "claimed by", "trials is -1", "epochs is 0"):
        assert part in caught.value.message
    assert "`net`" not in caught.value.message
    for part in ("`toys`", "`auc`", "`net`"):
        assert part in (caught.value.hint or "")


def test_data_split_and_preprocessing_are_checked_with_the_rest(catalog: Catalog) -> None:
    wrong = request(
        metric="acu",
        sample=True,
        data=Path("d"),
        protocol="random",
        splits=Path("s.csv"),
        preprocessings=("crop", "padd"),
        options={"slices": "all"},
    )
    with pytest.raises(ConfigurationError) as caught:
        wrong.check(catalog)
    for part in ("`acu`", "either it or --data", "exclude each other", "`padd`"):
        assert part in caught.value.message
    with pytest.raises(ConfigurationError, match="task `toys` has no option `slices`"):
        request(options={"slices": "all"}).check(catalog)
    with pytest.raises(ConfigurationError, match="Neither a task nor a folder"):
        request(task=None).check(catalog)
    with pytest.raises(ConfigurationError, match="no preprocessing given"):
        request(preprocessings=()).check(catalog)


def test_an_unknown_task_is_said_once(catalog: Catalog) -> None:
    with pytest.raises(ConfigurationError) as caught:
        request(task="toyz", trials=0).check(catalog)
    assert caught.value.message.count("`toyz`") == 1


@pytest.mark.parametrize(
    ("setting", "limits"),
    [
        ({}, Limits(DEFAULT_TRIALS)),
        ({"target": 0.9}, Limits(DEFAULT_TRIALS, target=0.9)),
        ({"trials": 5}, Limits(5)),
        ({"time_s": 60.0}, Limits(None, 60.0)),
        ({"patience": 4}, Limits(None, None, 4)),
        ({"trials": 5, "time_s": 60.0, "patience": 4}, Limits(5, 60.0, 4)),
    ],
)
def test_thirty_trials_where_nothing_else_limits(setting: dict[str, Any], limits: Limits) -> None:
    assert request(**setting).limits == limits


def test_a_trial_gets_a_fifth_of_the_time_but_a_minute_at_least() -> None:
    assert request().trial_limit_s is None
    assert request(time_s=3600.0).trial_limit_s == 720
    assert request(time_s=100.0).trial_limit_s == 60
    assert request(time_s=3600.0, trial_time_s=5.0).trial_limit_s == 5
