"""What every check works with: the component under test, and how a broken promise is told."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from automedimg.contracts import (
    BackboneSpec,
    DatasetSpec,
    ExecutorSpec,
    HeadSpec,
    MetricSpec,
    StrategySpec,
)

S = TypeVar("S", DatasetSpec, BackboneSpec, HeadSpec, StrategySpec, MetricSpec, ExecutorSpec)


class ContractError(AssertionError):
    """A component broke a promise: what was received and what the contract expects."""


class Subject(Generic[S]):
    """A component under test. The checks of one component share it, so that it is made once.

    Args:
        spec: As the plugin's hook yielded it.
    """

    def __init__(self, spec: S) -> None:
        self.spec: S = spec

    @cached_property
    def component(self) -> Any:
        """What the spec's factory returns."""
        factory: Any = self.spec.factory
        return factory()

    @cached_property
    def folder(self) -> Path:
        """An empty folder that lives as long as the subject."""
        folder = Path(tempfile.mkdtemp(prefix="automedimg-check-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder


def expect(kept: object, what: str, received: object, expected: str) -> None:
    """Raise unless a promise was kept.

    Args:
        kept: Whether it was.
        what: What was looked at, e.g. `` `build` ``.
        received: What was found there.
        expected: What the contract promises.
    Raises:
        ContractError: it was not.
    """
    if not kept:
        raise ContractError(f"{what}: got {received}, expected {expected}")


def expect_name_and_summary(spec: Any, characters: str, words: str) -> None:
    """Check the name and the summary that every spec has.

    Args:
        spec: Any spec.
        characters: Allowed in the name, as a regular expression's set.
        words: The same in words.
    """
    named = isinstance(spec.name, str) and re.fullmatch(f"[{characters}]+", spec.name)
    expect(named, "name", repr(spec.name), words)
    summary = spec.summary
    one_line = isinstance(summary, str) and summary.strip() and "\n" not in summary
    expect(one_line, "summary", repr(summary), "one line of text")
    expect(callable(spec.factory), "factory", repr(spec.factory), "a callable")
