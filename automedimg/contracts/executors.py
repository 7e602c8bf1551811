"""What an executor plugin provides: a place where trials run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from automedimg.contracts.trials import RunContext, ScoreSpec, TrialSpec

Decision = Literal["continue", "prune", "stop", "keep", "drop"]
"""The orchestrator's answer to an ``epoch`` (continue, prune, stop) or ``scored`` (keep, drop)."""

MessageKind = Literal["started", "epoch", "scored", "finished", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Message:
    """Something that a job reports.

    ``epoch`` and ``scored`` wait for an answer: the trial goes on only then, so that a search
    with one worker repeats exactly. A job ends with one ``finished``, ``failed`` or ``lost``; the
    last means that the place where it ran went away, which is not the trial's fault: it may be
    submitted again.

    Args:
        kind: What happened.
        job: The number that `Executor.submit` returned.
        data: Plain JSON types. ``failed`` and ``lost`` carry a ``reason`` and a ``cause``, which is
            ``memory``, ``hung``, ``time``, ``disk``, or empty for anything else.
    """

    kind: MessageKind
    job: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """How an executor is to be set up.

    Args:
        workers: Jobs at once; None is the executor's own choice.
        devices: Ids of the GPUs to use, as ``CUDA_VISIBLE_DEVICES`` takes them; None takes all that
            are visible, an empty tuple none.
        workers_per_device: Jobs at once on each GPU.
        worker_memory_bytes: Resident memory past which a worker is ended; None is the executor's
            own choice.
        hang_s: Seconds without a sign of life after which a worker is ended.
        address: Of a cluster, where the executor runs on one.
    """

    workers: int | None = None
    devices: tuple[str, ...] | None = None
    workers_per_device: int = 1
    worker_memory_bytes: int | None = None
    hang_s: float = 300.0
    address: str | None = None


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

    def prepare(self, context: RunContext, spec: TrialSpec) -> None:
        """Compute, if a worker has nothing else to do, the features that a trial will begin with.

        A hint that comes before `start`, while copies are still looked for. Nothing is waited for,
        no message comes of it, and a failure costs nothing. This does nothing: an executor whose
        workers can't begin before `start` need not take hints.

        Args:
            context: Without ``rows``, ``data_fingerprint`` and ``log``, which are not known yet.
            spec: Of a trial with a frozen backbone.
        """
        del context, spec

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
        factory: Called with how it is to be set up.
    """

    name: str
    summary: str
    factory: Callable[[ExecutorOptions], Executor]
