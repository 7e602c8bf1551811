"""Every component that is installed keeps its contract."""

import pytest

from automedimg.errors import PluginError
from automedimg.registry import load_catalog
from automedimg.testing import checks_for
from automedimg.training.backend import prepare_backend

prepare_backend()

SLOW = ("gp", "kt-bayesian", "ray")
"""Strategies that take long for a proposal, and an executor that starts a cluster."""


def parameter(check):
    return pytest.param(check, id=str(check), marks=[pytest.mark.slow] * (check.component in SLOW))


@pytest.mark.parametrize("check", [parameter(check) for check in checks_for(load_catalog())])
def test_contract(check):
    try:
        check()
    except PluginError as error:
        if "automedimg[" not in (error.hint or ""):
            raise
        pytest.skip(error.message)  # an extra that is not installed
