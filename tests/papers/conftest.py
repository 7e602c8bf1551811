"""The command line in this process, as the tests of `automedimg.cli` run it."""

from tests.cli.conftest import cli  # noqa: F401 - a fixture
