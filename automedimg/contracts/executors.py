"""What an executor plugin provides: a place where trials run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from automedimg.contracts.trials import RunContext, ScoreSpec, TrialSpec

Decision = Literal["continue", "prune", "stop", "keep", "drop"]
"""The orchestrator's answer to an ``epoch`` (continue, prune, stop) or ``scored`` (keep, drop)."""

MessageKind = Literal["started", "epoch", "scored", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class Message:
    """Something that a job reports.

    ``epoch`` and ``scored`` wait for an answer: the trial goes on only then, so that a search
    with one worker repeats exactly. A job ends with one ``finished`` or ``failed``.

    Args:
        kind: What happened.
        job: The number that `Executor.submit` returned.
        data: Plain JSON types.
    """

    kind: MessageKind
    job: int
    data: Mapping[str, Any] = field(default_factory=dict)


class Executor(ABC):
    """Runs jobs somewhere else: a crash there never reaches the caller, but as a message."""

    @property
    @abstractmethod
    def num_slots(self) -> int:
        """How many jobs can run at once."""

    @property
    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """What the jobs run on, for the record, e.g. ``("cpu",)``."""

    @abstractmethod
    def start(self, context: RunContext) -> None:
        """Begin bringing workers up; returns at once."""

    @abstractmethod
    def submit(self, job: TrialSpec | ScoreSpec) -> int:
        """Queue a job and return its number."""

    @abstractmethod
    def messages(self, timeout_s: float) -> Iterator[Message]:
        """Yield what has happened, waiting at most `timeout_s` for the first message."""

    @abstractmethod
    def answer(self, job: int, decision: Decision) -> None:
        """Answer an ``epoch`` or ``scored`` message of a job."""

    @abstractmethod
    def cancel(self, job: int, *, grace_s: float = 10.0) -> None:
        """Ask a job to stop at the epoch it has; end its worker if it hasn't after `grace_s`."""

    @abstractmethod
    def close(self) -> None:
        """End all workers. Safe to call twice."""


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """An executor as it is listed by ``automedimg plugins``.

    Args:
        name: Lower case, digits, hyphens.
        summary: One line.
        factory: Called with the number of workers asked for (None: its own choice).
    """

    name: str
    summary: str
    factory: Callable[[int | None], Executor]
