"""The contract checks of automedimg, on every component of this plugin."""

import pytest
from automedimg.registry import Catalog
from automedimg.testing import checks_for

import automedimg_example

CATALOG = Catalog()
CATALOG.add(automedimg_example, "automedimg-example:example")


@pytest.mark.parametrize("check", list(checks_for(CATALOG)), ids=str)
def test_contract(check):
    check()
