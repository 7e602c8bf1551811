"""The list of checks, and running them."""

import importlib
import re
import subprocess
import sys

import pytest

from automedimg.contracts import (
    BackboneSpec,
    DatasetSpec,
    ExecutorSpec,
    HeadSpec,
    MetricSpec,
    Source,
    StrategySpec,
)
from automedimg.errors import ConfigurationError
from automedimg.registry import load_catalog
from automedimg.testing import KINDS, ContractError, checks_for, run_checks

MODULES = ("datasets", "backbones", "heads", "strategies", "metrics", "executors")


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no words")


def raising(error):
    def factory(*args):
        raise error

    return factory


def every_kind(factory):
    return {
        "datasets": [DatasetSpec("it", "It", factory, ("a", "b"), Source("Me (2026)"), layout="x")],
        "backbones": [BackboneSpec("it", "It", factory)],
        "heads": [HeadSpec("it", "It", factory)],
        "strategies": [StrategySpec("it", "It", factory)],
        "metrics": [MetricSpec("it", "It", factory)],
        "executors": [ExecutorSpec("it", "It", factory)],
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_check_is_listed_and_says_what_is_promised(module):
    loaded = importlib.import_module(f"automedimg.testing.{module}")
    written = [value for name, value in vars(loaded).items() if name.startswith("check_")]
    assert list(loaded.CHECKS) == written
    assert all(check.__doc__ for check in written)


def test_ids_are_unique_and_plain():
    ids = [str(check) for check in checks_for(load_catalog())]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z0-9_-]+", identity) for identity in ids)
    assert "backbone-mobilenetv2-builds_features" in ids


def test_ids_are_unique_where_a_name_is_claimed_twice(make_catalog):
    metric = MetricSpec("it", "It", raising(RuntimeError()))
    ids = [str(check) for check in checks_for(make_catalog(metrics=[metric, metric]))]
    assert len(ids) > 2
    assert len(set(ids)) == len(ids)


def test_kind_and_name_select(make_catalog):
    catalog = make_catalog(**every_kind(raising(RuntimeError())))
    assert {check.kind for check in checks_for(catalog)} == set(KINDS)
    assert {check.kind for check in checks_for(catalog, "head", "it")} == {"head"}
    assert not list(checks_for(catalog, name="other"))
    assert not run_checks(catalog, "other")
    with pytest.raises(ConfigurationError, match="unknown kind `heads`"):
        list(checks_for(catalog, "heads"))


@pytest.mark.parametrize(
    "error",
    [RuntimeError("two\nlines"), SystemExit(3), ImportError("torch"), Unprintable(), KeyError()],
    ids=lambda error: type(error).__name__,
)
def test_run_checks_never_raises_and_says_it_in_one_line(make_catalog, error):
    outcomes = run_checks(make_catalog(**every_kind(raising(error))), "it")
    assert {outcome.check.partition("-")[0] for outcome in outcomes} == set(KINDS)
    errors = [outcome.error for outcome in outcomes]
    assert all("\n" not in text and len(text) <= 600 for text in errors)
    assert sum(type(error).__name__ in text for text in errors) > len(KINDS)


def test_run_checks_bears_factories_of_the_wrong_kind(make_catalog):
    for made in (None, 3, object()):
        outcomes = run_checks(make_catalog(**every_kind(lambda *args, made=made: made)), "it")
        assert sum(bool(outcome.error) for outcome in outcomes) > len(KINDS)


def test_a_check_is_called_and_raises(make_catalog):
    catalog = make_catalog(metrics=[MetricSpec("Bad Name", "It", raising(RuntimeError()))])
    check = next(iter(checks_for(catalog)))
    with pytest.raises(ContractError, match="got 'Bad Name', expected lower case"):
        check()


def test_listing_checks_loads_neither_keras_nor_a_component():
    code = (
        "import sys; from automedimg.registry import load_catalog;"
        "from automedimg.testing import checks_for; list(checks_for(load_catalog()));"
        "sys.exit('keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
