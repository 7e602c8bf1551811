"""The contract checks that any plugin can run, from pytest or by `automedimg plugins check NAME`.

In the tests of a plugin package::

    import pytest
    from automedimg.registry import Catalog
    from automedimg.testing import checks_for

    import my_package.plugin

    CATALOG = Catalog()
    CATALOG.add(my_package.plugin, "my-package")

    @pytest.mark.parametrize("check", list(checks_for(CATALOG)), ids=str)
    def test_contract(check):
        check()
"""

from automedimg.testing.checks import KINDS, Check, Outcome, checks_for, run_checks
from automedimg.testing.subject import ContractError, Subject

__all__ = [
    "KINDS",
    "Check",
    "ContractError",
    "Outcome",
    "Subject",
    "checks_for",
    "run_checks",
]
