"""The catalog: every component that is installed, by kind and name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, Generic, TypeVar

import pluggy

from automedimg.contracts import (
    BackboneSpec,
    DatasetSpec,
    Event,
    ExecutorSpec,
    HeadSpec,
    MetricSpec,
    StrategySpec,
)
from automedimg.errors import (
    AutomedimgError,
    ConfigurationError,
    PluginError,
    UnknownNameError,
)
from automedimg.registry import discovery
from automedimg.registry.discovery import Plugin
from automedimg.registry.side_by_side import SIGN, SideBySide

S = TypeVar("S", DatasetSpec, BackboneSpec, HeadSpec, StrategySpec, MetricSpec, ExecutorSpec)

ALL = "all"
"""Asked for instead of names: every component, also those that nobody considers unasked."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """A component and the plugin that offers it."""

    spec: S
    plugin: str


class Shelf(Generic[S]):
    """All components of one kind.

    Args:
        kind: What an error calls one of them, e.g. ``backbone``.
        listing: The command that lists them.
    """

    def __init__(self, kind: str, listing: str, catalog: Catalog) -> None:
        self.kind = kind
        self._listing = listing
        self._catalog = catalog
        self._entries: dict[str, list[Entry[S]]] = {}

    def add(self, spec: S, plugin: str) -> None:
        """Put a component on the shelf; a second one of its name makes the name ambiguous."""
        self._entries.setdefault(spec.name, []).append(Entry(spec, plugin))

    def entries(self) -> list[Entry[S]]:
        """Every component, ambiguous ones included, in the order of their names."""
        return [entry for name in sorted(self._entries) for entry in self._entries[name]]

    def names(self) -> list[str]:
        """The names that `get` accepts."""
        return sorted(name for name, entries in self._entries.items() if len(entries) == 1)

    def considered(self, asked: Sequence[str]) -> list[str]:
        """The names that a search chooses from.

        Args:
            asked: Names; `ALL` among them takes every one, none at all those that are considered
                by default.
        """
        if ALL in asked:
            return self.names()
        return list(asked) or [name for name in self.names() if is_default(self.get(name))]

    def in_order(self) -> list[S]:
        """The specs that `get` returns, in the order in which their plugins list them."""
        return [entries[0].spec for entries in self._entries.values() if len(entries) == 1]

    def conflicts(self) -> dict[str, list[str]]:
        """Names that several plugins claim, with those plugins."""
        return {
            name: [entry.plugin for entry in entries]
            for name, entries in sorted(self._entries.items())
            if len(entries) > 1
        }

    def get(self, name: str) -> S:
        """Return the component of that name.

        Raises:
            UnknownNameError: there is none; the error suggests close names and broken plugins.
            PluginError: two plugins claim the name.
        """
        entries = self._entries.get(name, [])
        if len(entries) == 1:
            return entries[0].spec
        if entries:
            claimants = " and ".join(f"`{entry.plugin}`" for entry in entries)
            raise PluginError(
                f"{self.kind} `{name}` is claimed by {claimants}",
                "uninstall one of the two packages, or ask its author for another name",
            )
        raise UnknownNameError(f"unknown {self.kind} `{name}`", self._hint(name))

    def make(self, name: str, *args: Any, **options: Any) -> Any:
        """Call the factory of the component of that name.

        Raises:
            PluginError: the factory raised, for example because a dependency is missing.
        """
        spec = self.get(name)
        try:
            return spec.factory(*args, **options)
        except AutomedimgError:
            raise  # it says what is wrong with an option
        except Exception as error:
            missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
            hint = f"install what it needs: `pip install {missing}`" if missing else None
            raise PluginError(
                f"{self.kind} `{name}` can't be loaded: {discovery.describe(error)}", hint
            ) from error

    def make_all(self) -> dict[str, Any]:
        """Make every component that can be made; one that nobody asked for can't do harm."""
        made = {}
        for name in self.names():
            with suppress(PluginError):
                made[name] = self.make(name)
        return made

    def _hint(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._entries, n=1, cutoff=0.5)
        hint = f"did you mean `{close[0]}`? " if close else ""
        hint += f"`{self._listing}` lists all of them"
        broken = [plugin for plugin in self._catalog.plugins if plugin.broken]
        if broken:
            reasons = ", ".join(f"`{plugin.name}` ({plugin.broken})" for plugin in broken)
            hint += f"; broken plugins may have offered it: {reasons}"
        return hint


class BackboneShelf(Shelf[BackboneSpec]):
    """All backbones, and ``a+b`` for any two or more of them side by side."""

    def get(self, name: str) -> BackboneSpec:
        """Return the backbone of that name, or what the names of several make.

        Raises:
            UnknownNameError: there is none of a name.
            PluginError: two plugins claim a name.
            ConfigurationError: a name occurs twice.
        """
        names = name.split(SIGN)
        if len(names) == 1 or name in self._entries:
            return super().get(name)
        parts = [super(BackboneShelf, self).get(part) for part in names]
        if len(set(names)) < len(names):
            raise ConfigurationError(
                f"`{name}` names a backbone twice",
                "each stands beside others once, with its parameters searched",
            )
        return BackboneSpec(
            name,
            f"{' and '.join(names)}, frozen, side by side",
            lambda: SideBySide({part: self.make(part) for part in names}),
            gmacs=sum(part.gmacs for part in parts),
            default=False,
        )


def is_default(spec: Any) -> bool:
    """Whether a component is considered where none is named; only some kinds can say no."""
    return bool(getattr(spec, "default", True))


class Catalog:
    """Everything that is installed. Tests make their own; nothing is global."""

    def __init__(self) -> None:
        self._manager = discovery.new_manager()
        self.plugins: list[Plugin] = []
        self.datasets: Shelf[DatasetSpec] = Shelf("task", "automedimg tasks", self)
        self.backbones = BackboneShelf("backbone", "automedimg plugins", self)
        self.heads: Shelf[HeadSpec] = Shelf("head", "automedimg plugins", self)
        self.strategies: Shelf[StrategySpec] = Shelf("strategy", "automedimg plugins", self)
        self.metrics: Shelf[MetricSpec] = Shelf("metric", "automedimg plugins", self)
        self.executors: Shelf[ExecutorSpec] = Shelf("executor", "automedimg plugins", self)

    def shelves(self) -> Mapping[str, tuple[Shelf[Any], type]]:
        """Hook name -> the shelf that it fills and the spec that it yields."""
        return {
            "automedimg_datasets": (self.datasets, DatasetSpec),
            "automedimg_backbones": (self.backbones, BackboneSpec),
            "automedimg_heads": (self.heads, HeadSpec),
            "automedimg_strategies": (self.strategies, StrategySpec),
            "automedimg_metrics": (self.metrics, MetricSpec),
            "automedimg_executors": (self.executors, ExecutorSpec),
        }

    def add(self, module: object, name: str, version: str = "") -> Plugin:
        """Register a plugin module (or any object with hook functions) under a name."""
        return self._shelve(discovery.register(self._manager, name, version, lambda: module))

    def add_entry_points(self, entry_points: Iterable[tuple[str, str, EntryPoint]]) -> None:
        """Load and register the plugins behind entry points."""
        for plugin in discovery.load_plugins(self._manager, entry_points):
            self._shelve(plugin)

    def notify(self, event: Event) -> list[str]:
        """Tell every listener; return what those said that raised, and drop them."""
        complaints = []
        for listener in list(self._manager.hook.automedimg_event.get_hookimpls()):
            try:
                listener.function(event)
            except Exception as error:  # noqa: BLE001 - a listener can't hurt a search
                complaints.append(f"`{listener.plugin_name}`: {discovery.describe(error)}")
                self._manager.unregister(listener.plugin)
        return complaints

    def _shelve(self, plugin: Plugin) -> Plugin:
        """Ask a plugin for its components; one nonsensical answer breaks the whole plugin."""
        if not plugin.broken:
            found, reason = self._ask(plugin.name)
            if reason:
                self._manager.unregister(name=plugin.name)
                plugin = Plugin(plugin.name, plugin.version, reason)
            for shelf, spec in found:
                shelf.add(spec, plugin.name)
        self.plugins.append(plugin)
        return plugin

    def _ask(self, name: str) -> tuple[list[tuple[Shelf[Any], Any]], str]:
        found: list[tuple[Shelf[Any], Any]] = []
        for hook, (shelf, expected) in self.shelves().items():
            for implementation in _implementations(self._manager, hook, name):
                try:
                    answer: Any = implementation.function()
                    specs = list(answer)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - see `register`
                    return [], f"{hook}: {discovery.describe(error)}"
                for spec in specs:
                    problem = _problem(spec, expected)
                    if problem:
                        return [], f"{hook} returned {problem}"
                found += [(shelf, spec) for spec in specs]
        return found, ""


def _problem(spec: object, expected: type) -> str:
    """What is wrong with a spec that a hook returned; empty if nothing is."""
    if not isinstance(spec, expected):
        return f"a {type(spec).__name__}, expected {expected.__name__} objects"
    about: Any = spec
    if not (isinstance(about.name, str) and about.name and isinstance(about.summary, str)):
        return f"a {expected.__name__} whose name or summary is not text: {about.name!r}"
    if about.name == ALL and hasattr(about, "default"):
        return f"a {expected.__name__} called `{ALL}`, which stands for every one"
    if not callable(about.factory):
        return f"the {expected.__name__} `{about.name}` whose factory can't be called"
    return ""


def _implementations(
    manager: pluggy.PluginManager, hook: str, plugin: str
) -> list[pluggy.HookImpl]:
    caller = getattr(manager.hook, hook)
    return [impl for impl in caller.get_hookimpls() if impl.plugin_name == plugin]


def load_catalog() -> Catalog:
    """Return a catalog of every plugin that is installed."""
    catalog = Catalog()
    catalog.add_entry_points(discovery.installed_entry_points())
    return catalog
