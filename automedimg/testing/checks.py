"""List and run the checks of the components in a catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.registry import Catalog, Shelf
from automedimg.testing import backbones, datasets, executors, heads, metrics, strategies
from automedimg.testing.subject import ContractError

KINDS = ("dataset", "backbone", "head", "strategy", "metric", "executor")
"""What `checks_for` calls the kinds of component."""

MAX_ERROR = 600
"""Characters of an outcome's error."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a check.

    Args:
        check: The check, as text.
        error: One line that says what was wrong; empty if it passed.
    """

    check: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of one component. Call it: it raises if the promise is broken.

    Args:
        kind: One of `KINDS`.
        component: The component's name; its plugin is added where several claim that name.
        name: What is checked, e.g. ``builds_features``.
        run: Raises `ContractError`, or whatever the component raises.
    """

    kind: str
    component: str
    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Run the check."""
        self.run()

    def outcome(self) -> Outcome:
        """Run the check and say what became of it; nothing that a component does raises."""
        try:
            self.run()
        # A component may raise anything at all, SystemExit included; this is the place to hear it.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return Outcome(str(self), _one_line(error))
        return Outcome(str(self))

    def __str__(self) -> str:
        return f"{self.kind}-{self.component}-{self.name}"


def checks_for(
    catalog: Catalog, kind: str | None = None, name: str | None = None
) -> Iterator[Check]:
    """Yield the checks of a catalog's components; nothing is loaded before one of them runs.

    The checks of a component share what is expensive to make (a sample, a network), and keep it as
    long as one of them lives.

    Args:
        catalog: Holds the components.
        kind: One of `KINDS`; None takes all.
        name: Of the components; None takes all.
    Raises:
        ConfigurationError: the kind is unknown.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(f"unknown kind `{kind}`; expected one of {', '.join(KINDS)}")
    for each, (shelf, subject_type, functions) in _suites(catalog).items():
        if kind not in (None, each):
            continue
        for label, spec in _labelled(shelf, name):
            subject = subject_type(spec)
            for function in functions:
                yield _check(each, label, function, subject)


def run_checks(catalog: Catalog, name: str) -> list[Outcome]:
    """Run the checks of every component called `name`; empty if there is none.

    Args:
        catalog: Holds the components.
        name: Of a component of any kind.
    Returns:
        One outcome a check, in the order in which they ran; nothing that a component does raises.
    """
    return [check.outcome() for check in checks_for(catalog, name=name)]


def _suites(catalog: Catalog) -> dict[str, tuple[Shelf[Any], Any, tuple[Any, ...]]]:
    """Kind -> where its components are, what wraps one of them, and its check functions."""
    return {
        "dataset": (catalog.datasets, datasets.DatasetSubject, datasets.CHECKS),
        "backbone": (catalog.backbones, backbones.BackboneSubject, backbones.CHECKS),
        "head": (catalog.heads, heads.HeadSubject, heads.CHECKS),
        "strategy": (catalog.strategies, strategies.StrategySubject, strategies.CHECKS),
        "metric": (catalog.metrics, metrics.MetricSubject, metrics.CHECKS),
        "executor": (catalog.executors, executors.ExecutorSubject, executors.CHECKS),
    }


def _labelled(shelf: Shelf[Any], name: str | None) -> Iterator[tuple[str, Any]]:
    """Yield the specs of a shelf, with labels that differ even where names don't."""
    conflicts = shelf.conflicts()
    seen: Counter[str] = Counter()
    for entry in shelf.entries():
        own = entry.spec.name
        if name not in (None, own):
            continue
        label = f"{own}@{entry.plugin}" if own in conflicts else own
        seen[label] += 1
        yield (label if seen[label] == 1 else f"{label}#{seen[label]}"), entry.spec


def _check(kind: str, label: str, function: Callable[[Any], None], subject: Any) -> Check:
    def run() -> None:
        function(subject)

    return Check(kind, label, function.__name__.removeprefix("check_"), run)


def _one_line(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - even `__str__` is the plugin author's
        text = ""
    if not isinstance(error, ContractError | AutomedimgError) or not text:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 1] + "…"
