"""Factories that import nothing until they are called."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy(target: str) -> Callable[..., Any]:
    """Return a factory that imports `module:attribute` when called, and calls it.

    Specs are read whenever anything is listed; what they describe may import Keras. This keeps the
    two apart.

    Args:
        target: For example ``"my_package.networks:TinyNet"``.
    Returns:
        A function that returns ``TinyNet(...)``, with the arguments that it is called with.
    """
    module, _, attribute = target.partition(":")

    def factory(*args: Any, **options: Any) -> Any:
        return getattr(import_module(module), attribute)(*args, **options)

    factory.__qualname__ = f"lazy({target!r})"
    return factory


def lazy_attribute(target: str) -> Callable[[], Any]:
    """Like `lazy`, for an attribute that is wanted as it is (a metric function, say)."""
    module, _, attribute = target.partition(":")

    def factory() -> Any:
        return getattr(import_module(module), attribute)

    factory.__qualname__ = f"lazy_attribute({target!r})"
    return factory
