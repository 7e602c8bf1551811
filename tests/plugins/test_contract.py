"""Every component that is installed keeps its contract."""

import pytest

from automedimg.errors import PluginError
from automedimg.registry import load_catalog
from automedimg.testing import checks_for
from automedimg.training.backend import prepare_backend

prepare_backend()

CATALOG = load_catalog()

SLOW = ("gp", "kt-bayesian", "ray")
"""Strategies that take long for a proposal, and an executor that starts a cluster."""

LARGE = [
    entry.spec.name
    for entry in CATALOG.backbones.entries()
    if not entry.spec.default and "imagenet" in entry.spec.tags and entry.spec.name != "vgg16"
]
"""Networks that share their code with smaller ones; most are built three times in the checks."""


def parameter(check):
    slow = check.component in SLOW or check.component in LARGE
    return pytest.param(check, id=str(check), marks=[pytest.mark.slow] * slow)


@pytest.mark.parametrize("check", [parameter(check) for check in checks_for(CATALOG)])
def test_contract(check):
    try:
        check()
    except PluginError as error:
        if "automedimg[" not in (error.hint or ""):
            raise
        pytest.skip(error.message)  # an extra that is not installed
