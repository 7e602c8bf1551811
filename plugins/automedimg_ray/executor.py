"""The Ray executor: jobs, and the slots that have them."""

from __future__ import annotations

import atexit
import queue
import time
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from automedimg.contracts import (
    Decision,
    Executor,
    Message,
    RunContext,
    ScoreSpec,
    TrialSpec,
)
from automedimg.errors import BackendError
from automedimg_ray.folders import Marks
from automedimg_ray.keeper import Words
from automedimg_ray.link import Hear, Link
from automedimg_ray.places import MAX_STARTS, Place, not_starting, wrong_files, wrong_version
from automedimg_ray.shares import Share

NO_SLOT_S = 300.0
"""Seconds that all slots may look for a node."""


class Cluster(Protocol):
    """What the executor wants of a cluster; see `automedimg_ray.cluster`."""

    @property
    def share(self) -> Share:
        """How many slots there are, and what each of them reserves."""

    def open(self, hear: Hear) -> Link:
        """Ask for a slot; returns at once."""

    def close(self, links: list[Link]) -> None:
        """End these slots, and Ray if it was started for them."""


class RayExecutor(Executor):
    """Runs jobs on the nodes of a Ray cluster.

    A slot that is lost looks for another node, for as long as it takes while others are up.

    Args:
        cluster: Where.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._arrivals: queue.Queue[tuple[Link, Words]] = queue.Queue()
        self._waiting: deque[tuple[int, Words]] = deque()
        self._dropped: deque[Message] = deque()
        self._marks: Marks | None = None
        self._context: Words = {}
        self._next_job, self._begun, self._closed = 0, False, False
        # Ray ends itself when the process does, under the feet of whoever still listens.
        atexit.register(self.close)
        # They import Keras while the caller still reads images.
        self._places = [Place(self._open()) for _ in range(cluster.share.count)]

    @property
    def num_slots(self) -> int:
        """Those that wait for a node included."""
        return len(self._places)

    @property
    def devices(self) -> tuple[str, ...]:
        """``gpu`` or ``cpu``: which one is Ray's choice."""
        return ("gpu" if self._cluster.share.gpus else "cpu",) * len(self._places)

    def start(self, context: RunContext) -> None:
        """Tell the workers what all jobs share; jobs begin where its folders are seen."""
        self._marks = Marks(context)
        self._context = {"do": "context", "context": context.to_json()}
        self._context["marks"] = self._marks.to_json()
        for place in self._places:
            if place.link.up:
                place.link.send(self._context)

    def submit(self, job: TrialSpec | ScoreSpec) -> int:
        """Queue a job and return its number."""
        number, self._next_job = self._next_job, self._next_job + 1
        kind = "train" if isinstance(job, TrialSpec) else "score"
        self._waiting.append((number, {"do": kind, "job": number, "spec": job.to_json()}))
        self._dispatch()
        return number

    def messages(self, timeout_s: float) -> Iterator[Message]:
        """Yield what has happened, waiting at most `timeout_s` for the first message.

        Raises:
            BackendError: a node lacks something that all need, or there are no slots any more.
        """
        wait = timeout_s
        while not self._closed:
            while self._dropped:
                yield self._dropped.popleft()
            try:
                link, words = self._arrivals.get(timeout=max(wait, 0.001))
            except queue.Empty:
                self._check_slots()
                return
            wait = 0.0
            for place in list(self._places):
                if place.link is link:
                    yield from self._take(place, words)

    def answer(self, job: int, decision: Decision) -> None:
        """Answer an ``epoch`` or ``scored`` message of a job."""
        for place in self._places:
            if place.job == job:
                place.link.send({"do": "answer", "job": job, "decision": decision})

    def cancel(self, job: int, *, grace_s: float = 10.0) -> None:
        """Ask a job to stop at the epoch it has; end its worker if it hasn't after `grace_s`."""
        if any(number == job for number, _ in self._waiting):
            self._waiting = deque(entry for entry in self._waiting if entry[0] != job)
            self._drop(job)
        for place in self._places:
            if place.job == job and not place.cancelled:
                place.cancelled = True
                place.link.send({"do": "cancel", "job": job, "grace_s": grace_s})

    def close(self) -> None:
        """End all workers, and Ray if it was started for them."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._cluster.close([place.link for place in self._places])
        self._places = []
        if self._marks is not None:
            self._marks.remove()

    def _open(self) -> Link:
        return self._cluster.open(lambda link, words: self._arrivals.put((link, words)))

    def _take(self, place: Place, words: Words) -> Iterator[Message]:
        said, data = words["say"], words["data"]
        if said == "up":
            self._greet(place, words)
        elif said == "checked":
            place.fit = self._judge(place, wrong_files(place.link.node, data["unseen"]))
        elif said == "ready":
            place.started()
        elif said == "unready":
            self._put_back(place)
            self._start_failed(place, data["reason"], data["words"])
        elif said == "gone":
            yield from self._lose(place, data)
        elif words["job"] == place.job:
            self._begun = True
            if said in ("finished", "failed", "lost"):
                place.job = None
            # Before the message goes out: whoever takes it may submit, and read no further.
            self._dispatch()
            yield Message(said, words["job"], data)
            return
        self._dispatch()

    def _greet(self, place: Place, words: Words) -> None:
        if self._judge(place, wrong_version(place.link.node, words["data"])) and self._context:
            place.link.send(self._context)

    def _judge(self, place: Place, error: BackendError | None) -> bool:
        """Whether a node will do. At first all must; later one that won't do isn't used."""
        if error is not None:
            self._give_up(place, error, fatal=not self._begun)
        return error is None

    def _lose(self, place: Place, data: Words) -> Iterator[Message]:
        job = place.job
        if not place.ready:
            self._start_failed(place, data["reason"])
        if place in self._places:
            place.reopen(self._open())
        if job is not None:
            yield Message("lost", job, data)

    def _put_back(self, place: Place) -> None:
        """A worker never came to its job, which goes to another one."""
        job, place.job = place.job, None
        if job is not None and place.cancelled:
            self._drop(job)
        elif job is not None:
            self._waiting.appendleft((job, place.command))

    def _drop(self, job: int) -> None:
        reason = {"reason": "cancelled before it began", "cause": ""}
        self._dropped.append(Message("failed", job, reason))

    def _start_failed(self, place: Place, reason: str, words: str = "") -> None:
        place.failed_starts += 1
        if place.failed_starts >= MAX_STARTS:
            self._give_up(place, not_starting(reason, words), fatal=False)

    def _give_up(self, place: Place, error: BackendError, *, fatal: bool) -> None:
        self._places.remove(place)
        place.link.end()
        if fatal or not self._places:
            raise error

    def _dispatch(self) -> None:
        for place in self._places:
            if place.fit and place.job is None and self._waiting:
                place.give(*self._waiting.popleft())

    def _check_slots(self) -> None:
        """Raise if no slot has found a node for long."""
        if any(place.link.up for place in self._places):
            return
        newest = max((place.link.since for place in self._places), default=0.0)
        if time.monotonic() - newest > NO_SLOT_S:
            raise BackendError(
                f"no node of the Ray cluster has had room for a worker for {NO_SLOT_S:.0f} s",
                "`ray status` says what is in use; the same command continues the search",
            )
