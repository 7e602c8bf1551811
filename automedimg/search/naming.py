"""Find the strategy that a user named: one of the catalog, or ``package.module:Class``."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler

from automedimg.contracts import Strategy
from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.registry import Catalog

EXAMPLE = "name a class by its import path, as in `my_package.my_module:MySampler`"


class Wrapped(Strategy):
    """Any sampler of Optuna's kind, with the median pruner that the other strategies have.

    Args:
        kind: The sampler's class; it gets a ``seed`` if it takes one.
        name: What the user called it.
    """

    def __init__(self, kind: type[BaseSampler], name: str) -> None:
        self._kind, self._name = kind, name
        self._seeded = _takes_seed(kind)

    def sampler(self, seed: int) -> BaseSampler:
        """Make one.

        Raises:
            ConfigurationError: its constructor raised.
        """
        options: dict[str, Any] = {"seed": seed} if self._seeded else {}
        return _make(self._kind, self._name, options)  # type: ignore[no-any-return]

    def pruner(self) -> BasePruner:
        """Return the median pruner."""
        return MedianPruner(n_startup_trials=5, n_warmup_steps=3, n_min_trials=3)


def get_strategy(catalog: Catalog, name: str) -> Strategy:
    """Return the strategy of that name, or of that import path if there is a colon in it.

    A subclass of `Strategy` is used as it is; one of Optuna's `BaseSampler` is wrapped.

    Raises:
        UnknownNameError: the catalog doesn't have it.
        PluginError: it can't be loaded.
        ConfigurationError: nothing that can search is at the import path.
    """
    if ":" not in name:
        made: Strategy = catalog.strategies.make(name)
        return made
    kind = _import(name)
    if issubclass(kind, Strategy):
        return _make(kind, name, {})  # type: ignore[no-any-return]
    strategy = Wrapped(kind, name)
    strategy.sampler(0)  # a constructor that raises is heard of now, not at the first trial
    return strategy


def check_strategy(catalog: Catalog, name: str) -> None:
    """Check that a strategy is there; one of the catalog is not loaded for that.

    Raises:
        UnknownNameError, PluginError, ConfigurationError: see `get_strategy`.
    """
    if ":" in name:
        get_strategy(catalog, name)
    else:
        catalog.strategies.get(name)


def _import(name: str) -> type[Any]:
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ConfigurationError(f"`{name}` is not an import path", EXAMPLE)
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise ConfigurationError(f"strategy `{name}` is not there: {error}", EXAMPLE) from error
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"strategy `{name}`: the module `{module}` can't be imported ({cause})",
            "is its package installed, or its folder on $PYTHONPATH?",
        ) from error
    if isinstance(found, type) and issubclass(found, Strategy | BaseSampler):
        return found
    raise ConfigurationError(
        f"strategy `{name}`: got {found!r}, expected a subclass of `automedimg.contracts.Strategy` "
        "or of `optuna.samplers.BaseSampler`",
        EXAMPLE,
    )


def _make(kind: type[Any], name: str, options: dict[str, Any]) -> Any:
    try:
        return kind(**options)
    except AutomedimgError:
        raise
    except Exception as error:
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise ConfigurationError(
            f"strategy `{name}` can't be made: `{kind.__name__}({given})` raised "
            f"{type(error).__name__}: {error}",
            "a subclass with a constructor that needs no more arguments can be named instead",
        ) from error


def _takes_seed(kind: type[Any]) -> bool:
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        each.name == "seed" and each.kind not in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL)
        for each in parameters
    )
