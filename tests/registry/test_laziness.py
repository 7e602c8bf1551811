"""Listing is instant: what is not needed is not imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("keras", "tensorflow", "optuna", "torch", "jax", "sklearn", "scipy", "PIL", "numpy")
REPORT = """
import json, sys
try:
    {code}
except SystemExit as ended:
    assert not ended.code, ended.code
print()
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


def imported_by(code: str) -> set[str]:
    """Which heavy packages are imported after this line of code, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(code=code, heavy=HEAVY)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported_by("import automedimg; automedimg.__version__") == set()


def test_help_imports_nothing_heavy() -> None:
    assert imported_by("from automedimg.cli.main import main; main(['--help'])") == set()


@pytest.mark.parametrize(
    "arguments", [["tasks"], ["tasks", "br35h"], ["tasks", "--json"], ["plugins"]]
)
def test_listing_imports_no_backend(arguments: list[str]) -> None:
    code = f"from automedimg.cli.main import main; main({arguments!r})"
    assert not imported_by(code) & {"keras", "tensorflow", "optuna", "torch", "jax", "sklearn"}


def test_the_api_itself_imports_no_backend() -> None:
    found = imported_by("import automedimg; automedimg.search, automedimg.Run")
    assert not found & {"keras", "tensorflow", "optuna"}


@pytest.mark.parametrize("name", ["search", "report", "explain"])
def test_the_functions_stay_callable_once_their_packages_are_imported(name: str) -> None:
    imported_by(
        f"import automedimg, automedimg.{name}; from automedimg import {name}; "
        f"assert callable({name}) and callable(automedimg.{name})"
    )


def test_an_unknown_attribute_of_the_package_is_an_attribute_error() -> None:
    import automedimg

    with pytest.raises(AttributeError, match="serch"):
        _ = automedimg.serch


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "automedimg", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "search" in done.stdout
    assert "plugins" in done.stdout
    assert done.stderr == ""
