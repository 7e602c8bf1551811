"""The local executor: one worker process a slot, replaced when it dies or has grown."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from automedimg.contracts import (
    Decision,
    Executor,
    ExecutorOptions,
    Message,
    MessageKind,
    RunContext,
    ScoreSpec,
    TrialSpec,
)
from automedimg.errors import BackendError
from automedimg.executing import WorkerProcess, default_worker_memory, worker_environment
from automedimg.search.devices import Slot, find_slots
from automedimg.training.backend import choose_backend

GROWTH = 1.25
"""A worker is replaced before the next job may make its memory this many times what it needs, going
by the job that added most so far; a job earlier, its successor imports Keras.

TensorFlow keeps 5 to 13 MB of each network that was trained, whatever one clears. A worker has a
sixth more after five small networks than after two: so none has a tenth more than after five.
"""

SETTLED = 2
"""Networks that are trained before a worker's memory is what it needs."""

ROOM = 2.0
"""What else jobs add counts as needed, too, up to so many times the memory after the first two: a
frozen backbone is built when a first model of it is kept, and is there for all that follow."""

MAX_STARTS = 3
"""Workers of a slot that may end in a row before they began with anything."""

_Arrival = tuple[WorkerProcess, dict[str, Any] | None]


@dataclass(slots=True, eq=False)
class _Place:
    """A slot, the worker that has it, and what that is to do."""

    slot: Slot
    process: WorkerProcess
    command: dict[str, Any] = field(default_factory=dict)
    successor: WorkerProcess | None = None
    least_bytes: int = 0
    """What its worker had after its first two jobs."""
    needed_bytes: int = 0
    last_bytes: int = 0
    networks: int = 0
    """How many its worker has trained, heads on features not counted."""
    most_added_bytes: int = 0
    """What a single job has added to its worker's memory at most, once that had settled."""
    kill_at: float | None = None
    started: bool = False
    """Whether its worker has begun with its command."""
    misses: int = 0
    """Workers in a row that ended before they began with anything."""


class LocalExecutor(Executor):
    """Runs jobs in worker processes on this machine's GPUs, or on its CPU.

    Args:
        options: Workers, devices, and what a worker is ended for.
    """

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        self._options = options = options or ExecutorOptions()
        slots = find_slots(
            choose_backend(), options.workers, options.devices, options.workers_per_device
        )
        self._memory = options.worker_memory_bytes or default_worker_memory(len(slots))
        self._arrivals: queue.Queue[_Arrival] = queue.Queue()
        self._waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self._dropped: deque[Message] = deque()
        self._context: RunContext | None = None
        self._next_job, self._closed = 0, False
        # They import Keras while the caller still reads images.
        self._places = [_Place(slot, self._spawn(slot)) for slot in slots]

    @property
    def num_slots(self) -> int:
        """One a worker."""
        return len(self._places)

    @property
    def devices(self) -> tuple[str, ...]:
        """The slots' names."""
        return tuple(place.slot.name for place in self._places)

    def start(self, context: RunContext) -> None:
        """Tell the workers what all jobs share."""
        self._context = context
        for place in self._places:
            # A successor may be waiting since an earlier search of the same workers.
            for process in (place.process, place.successor):
                if process is not None:
                    process.send({"do": "context", "context": context.to_json()})

    def prepare(self, context: RunContext, spec: TrialSpec) -> None:
        """Let the first worker compute the features that a trial will begin with."""
        command = {"do": "prepare", "context": context.to_json(), "spec": spec.to_json()}
        self._places[0].process.send(command)

    def submit(self, job: TrialSpec | ScoreSpec) -> int:
        """Queue a job and return its number."""
        number, self._next_job = self._next_job, self._next_job + 1
        kind = "train" if isinstance(job, TrialSpec) else "score"
        self._waiting.append((number, {"do": kind, "job": number, "spec": job.to_json()}))
        self._dispatch()
        return number

    def messages(self, timeout_s: float) -> Iterator[Message]:
        """Yield what has happened, waiting at most `timeout_s` for the first message."""
        self._kill_overdue()
        while self._dropped:
            yield self._dropped.popleft()
        wait = timeout_s
        while True:
            try:
                process, message = self._arrivals.get(timeout=max(wait, 0.001))
            except queue.Empty:
                return
            wait = 0.0
            place = next((one for one in self._places if one.process is process), None)
            if place is not None:
                yield from self._take(place, message)
            elif message is None:
                self._forget_successor(process)

    def answer(self, job: int, decision: Decision) -> None:
        """Answer an ``epoch`` or ``scored`` message of a job."""
        for place in self._places:
            if place.process.job == job:
                place.process.send({"do": "answer", "decision": decision})

    def cancel(self, job: int, *, grace_s: float = 10.0) -> None:
        """Ask a job to stop at the epoch it has; end its worker if it hasn't after `grace_s`."""
        if any(number == job for number, _ in self._waiting):
            self._waiting = deque(entry for entry in self._waiting if entry[0] != job)
            reason = {"reason": "cancelled before it began", "cause": ""}
            self._dropped.append(Message("failed", job, reason))
        for place in self._places:
            if place.process.job == job and place.kill_at is None:
                place.kill_at = time.monotonic() + grace_s
                place.process.send({"do": "cancel", "job": job})

    def close(self) -> None:
        """End all workers."""
        self._closed = True
        for place in self._places:
            self._end(place)
        self._places = []

    def _spawn(self, slot: Slot) -> WorkerProcess:
        process = WorkerProcess(
            worker_environment(dict(slot.environment)),
            lambda process, message: self._arrivals.put((process, message)),
            memory_bytes=self._memory,
            hang_s=self._options.hang_s,
        )
        if self._context is not None:
            process.send({"do": "context", "context": self._context.to_json()})
        return process

    def _take(self, place: _Place, message: dict[str, Any] | None) -> Iterator[Message]:
        if message is None:
            yield from self._replace(place)
        elif message["say"] != "ready":
            if message["say"] == "started":
                place.started, place.misses = True, 0
            if message["say"] in ("finished", "failed"):
                # Before the message goes out: whoever takes it may submit, and read no further.
                place.process.job, place.kill_at = None, None
                place.process.jobs_done += 1
                self._recycle(place, out_of_memory=message["data"].get("cause") == "memory")
                self._dispatch()
            yield Message(message["say"], message["job"], message["data"])

    def _replace(self, place: _Place) -> Iterator[Message]:
        """A worker has ended: say what that cost and start another."""
        if self._closed:
            return
        process = place.process
        ending, job = process.ending(), process.job
        if not place.started and place.kill_at is None:
            # It never came to its job, which is not to blame and goes to the next worker.
            if job is not None:
                self._waiting.appendleft((job, place.command))
                job = None
            place.misses += 1
        if place.misses >= MAX_STARTS:
            words = process.last_words() or None
            self._places.remove(place)  # its device may be broken; the others go on
            self._end(place)
            if not self._places:
                raise BackendError(f"workers can't start: {ending.reason}", words)
        else:
            self._swap(place)
        self._dispatch()
        if job is not None:
            kind: MessageKind = "lost" if ending.outside else "failed"
            yield Message(kind, job, {"reason": ending.reason, "cause": ending.cause})

    def _recycle(self, place: _Place, *, out_of_memory: bool) -> None:
        """Replace a worker that has grown: Keras leaves something behind with each model."""
        job = place.command
        if out_of_memory:
            self._swap(place)
        elif job["do"] == "score":
            place.networks = 0  # some of it may stay: what a worker needs is seen anew
        elif not self._closed:
            self._weigh(place, trained=job["spec"]["train"] != "frozen")

    def _weigh(self, place: _Place, *, trained: bool) -> None:
        """See what a trial has left in its worker's memory, and whether there is room for more.

        Args:
            place: Whose worker has ended a trial.
            trained: Whether that trained a network, not only a head on features.
        """
        now = place.process.memory()
        added, place.last_bytes = now - place.last_bytes, now
        place.networks += trained
        if place.process.jobs_done <= SETTLED or not place.least_bytes:
            place.least_bytes = place.needed_bytes = now
        elif not trained or place.networks <= SETTLED:
            most = round(ROOM * place.least_bytes)
            place.needed_bytes = max(place.needed_bytes, min(place.needed_bytes + added, most))
        else:
            place.most_added_bytes = max(place.most_added_bytes, added)
        self._make_way(place, now)

    def _make_way(self, place: _Place, now: int) -> None:
        """Replace a worker whose next job may take it past its limit; prepare that a job before."""
        added, limit = place.most_added_bytes, GROWTH * place.needed_bytes
        if now + added > limit:
            self._swap(place)
        elif now + 2 * added > limit and place.successor is None:
            place.successor = self._spawn(place.slot)

    def _swap(self, place: _Place) -> None:
        old, place.process = place.process, place.successor or self._spawn(place.slot)
        place.successor = None
        place.kill_at, place.started = None, False
        place.networks = place.most_added_bytes = place.least_bytes = 0
        old.end()

    def _forget_successor(self, process: WorkerProcess) -> None:
        """One that was to follow has died: another will be started when it is needed."""
        for place in self._places:
            if place.successor is process:
                place.successor = None
                process.end()

    @staticmethod
    def _end(place: _Place) -> None:
        place.process.end()
        if place.successor is not None:
            place.successor.end()

    def _dispatch(self) -> None:
        for place in self._places:
            if place.process.job is None and self._waiting:
                place.process.job, place.command = self._waiting.popleft()
                place.started = False
                place.process.send(place.command)

    def _kill_overdue(self) -> None:
        for place in self._places:
            if place.kill_at is not None and time.monotonic() > place.kill_at:
                place.kill_at = None
                place.process.kill("stopped: it ran past its time", "time")
