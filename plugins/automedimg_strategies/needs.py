"""Strategies whose dependencies are extras: listed always, explained when they are asked for."""

from __future__ import annotations

from importlib.util import find_spec

from automedimg.errors import PluginError


def need(strategy: str, extra: str, *modules: str) -> None:
    """Check that modules are installed, without importing them.

    Args:
        strategy: Its name.
        extra: The extra of automedimg that brings them.
        modules: Top-level names.
    Raises:
        PluginError: one is not; the hint is the line that installs it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise PluginError(
            f"strategy `{strategy}` needs {' and '.join(missing)}, which is not installed",
            f"install what it needs: `pip install 'automedimg[{extra}]'`",
        )
