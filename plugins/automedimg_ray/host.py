"""What runs on a node: one slot, as a Ray actor around a worker process.

A segfault, a hang or too much memory costs that process, not the actor, and Keras is imported once
for many jobs.
"""

from __future__ import annotations

import os
import platform
import queue
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import ray

from automedimg.executing import WorkerProcess
from automedimg_ray.folders import unseen
from automedimg_ray.keeper import Keeper, Words

_GUARD_S = 0.2


class Host:
    """One slot. The driver calls `take` again and again in one thread, and the rest in another.

    Args:
        setup: ``environment`` that the worker's adds, ``path`` to import from (None: this node's
            own), ``memory_bytes`` (None: a share of this node's), ``slots`` by node's id,
            ``hang_s``, and ``lease_s``: seconds without a `take` after which the driver is gone,
            or has given this slot up and runs its trial elsewhere; it must not run in two places.
        leave: Ends this process.
    """

    def __init__(self, setup: Mapping[str, Any], leave: Callable[[int], None] = os._exit) -> None:
        self._arrivals: queue.Queue[tuple[WorkerProcess | None, Words | None]] = queue.Queue()
        self._lease_s, self._leave = setup["lease_s"], leave
        self._asked, self._closed = time.monotonic(), False
        self._lock = threading.Lock()
        slots = {**setup, "slots": _slots_here(setup["slots"])}
        self._keeper = Keeper(slots, lambda process, words: self._arrivals.put((process, words)))
        threading.Thread(target=self._guard, daemon=True).start()

    def hello(self) -> Words:
        """Say which node this is, and what is installed on it."""
        return {"node": platform.node(), "version": version("automedimg"), "pid": os.getpid()}

    @ray.method(concurrency_group="take")  # type: ignore[untyped-decorator]
    def take(self, timeout_s: float) -> list[Words]:
        """Return what has happened, waiting at most `timeout_s` for the first of it."""
        self._asked = time.monotonic()
        until, found = self._asked + timeout_s, list[Words]()
        while not self._closed:
            wait = 0.0 if found else max(0.0, until - time.monotonic())
            try:
                process, words = self._arrivals.get(timeout=wait)
            except queue.Empty:
                break
            with self._lock:
                if process is not None:
                    found += self._keeper.heard(process, words)
                elif words is not None:
                    found.append(words)
        self._asked = time.monotonic()
        return found

    def send(self, command: Mapping[str, Any]) -> None:
        """Pass a command on: one of the worker's, where ``cancel`` has a ``grace_s``.

        A ``context`` comes with ``marks``, and is answered with ``checked``.
        """
        if command["do"] == "context":
            # Not under the lock: a network file system may take its time.
            missing = unseen(command["marks"])
            self._arrivals.put((None, {"say": "checked", "job": -1, "data": {"unseen": missing}}))
        with self._lock:
            self._keeper.tell(command)

    def close(self) -> None:
        """End the worker."""
        self._closed = True
        with self._lock:
            self._keeper.end()

    def _guard(self) -> None:
        while not self._closed:
            time.sleep(_GUARD_S)
            with self._lock:
                self._keeper.kill_overdue()
            if time.monotonic() - self._asked > self._lease_s:
                self.close()
                self._leave(1)


def _slots_here(slots: Mapping[str, int]) -> int:
    """How many slots share this node; a node that came later is thought to hold many."""
    most = max(slots.values(), default=1)
    if not ray.is_initialized():
        return most  # in a test
    return slots.get(ray.get_runtime_context().get_node_id(), most)
