"""Every component that is installed keeps its contract."""

import pytest

from automedimg.registry import load_catalog
from automedimg.testing import checks_for
from automedimg.training.backend import prepare_backend

prepare_backend()


@pytest.mark.parametrize("check", list(checks_for(load_catalog())), ids=str)
def test_contract(check):
    check()
