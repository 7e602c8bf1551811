"""Load plugin modules from entry points, each on its own, and keep what went wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

import pluggy

from automedimg.registry import hookspecs

GROUP = "automedimg"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin module, loaded or broken.

    Args:
        name: ``distribution:entry-point``, unique where the entry point's own name need not be.
        version: Of the distribution.
        broken: Why it can't be used; empty where it can.
    """

    name: str
    version: str = ""
    broken: str = ""


def installed_entry_points() -> Iterator[tuple[str, str, EntryPoint]]:
    """Yield (distribution, version, entry point) of every installed plugin, once each.

    A distribution may be found twice (an editable install and the current folder); pluggy's own
    loader would silently drop a second distribution's entry point of the same name instead.
    """
    seen: set[tuple[str, str]] = set()
    for distribution in distributions():
        for entry_point in _entry_points(distribution):
            key = (distribution.name, entry_point.name)
            if key not in seen:
                seen.add(key)
                yield distribution.name, distribution.version, entry_point


def _entry_points(distribution: Distribution) -> list[EntryPoint]:
    """Our entry points of a distribution; none where its files are damaged.

    A half-removed package has no name, one with a malformed file can't be parsed; both are common
    in old environments and none of our business.
    """
    try:
        found = [point for point in distribution.entry_points if point.group == GROUP]
        return found if distribution.name else []
    except Exception:  # noqa: BLE001 - what is raised depends on how it is malformed
        return []


def new_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows our hooks and no plugin."""
    manager = pluggy.PluginManager("automedimg")
    manager.add_hookspecs(hookspecs)
    return manager


def load_plugins(
    manager: pluggy.PluginManager, entry_points: Iterable[tuple[str, str, EntryPoint]]
) -> list[Plugin]:
    """Import and register each entry point; a broken one costs only itself."""
    return [
        register(manager, f"{distribution}:{entry_point.name}", version, entry_point.load)
        for distribution, version, entry_point in entry_points
    ]


def register(manager: pluggy.PluginManager, name: str, version: str, load: Any) -> Plugin:
    """Register what `load()` returns under `name`, or say why it can't be."""
    try:
        module = load()
        misspelt = _misspelt_hook(manager, module)
        if misspelt:
            return Plugin(name, version, misspelt)
        manager.register(module, name)
    # A plugin may raise anything at all, SystemExit included, and must cost only itself.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return Plugin(name, version, describe(error))
    return Plugin(name, version)


def describe(error: BaseException) -> str:
    """One line that says what was raised."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__


def hook_names() -> list[str]:
    """The names of all hooks."""
    return [name for name in vars(hookspecs) if name.startswith("automedimg_")]


def _misspelt_hook(manager: pluggy.PluginManager, module: object) -> str:
    """Say which function claims to implement a hook that does not exist; empty if none does."""
    for name in dir(module):
        if manager.parse_hookimpl_opts(module, name) is None or name in hook_names():
            continue
        close = difflib.get_close_matches(name, hook_names(), n=1)
        meant = f"; did you mean `{close[0]}`?" if close else ""
        return f"unknown hook `{name}`{meant}"
    return ""
