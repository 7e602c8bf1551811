"""A catalog of one component, and what its checks say."""

import pytest

from automedimg.contracts import hookimpl
from automedimg.registry import Catalog
from automedimg.testing import checks_for
from automedimg.training.backend import prepare_backend

prepare_backend()

HOOKS = ("datasets", "backbones", "heads", "strategies", "metrics", "executors")


def hook_that_returns(specs):
    return hookimpl(lambda: specs)


def catalog_of(**specs):
    """A catalog of these specs, by hook: ``metrics=[spec]``."""
    plugin = type("Plugin", (), {})()
    for kind in HOOKS:
        setattr(plugin, f"automedimg_{kind}", hook_that_returns(tuple(specs.get(kind, ()))))
    catalog = Catalog()
    added = catalog.add(plugin, "test-plugin")
    assert not added.broken
    return catalog


@pytest.fixture
def make_catalog():
    return catalog_of


@pytest.fixture
def failing():
    """Return a function that runs a component's checks: name of the check -> its error."""

    def run(only=(), **specs):
        found = {}
        for check in checks_for(catalog_of(**specs)):
            if not only or check.name in only:
                error = check.outcome().error
                if error:
                    found[check.name] = error
        return found

    return run
