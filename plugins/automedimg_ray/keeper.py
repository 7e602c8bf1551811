"""Keeps one worker process up on a node, as the local executor does on its machine."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from automedimg.executing import WorkerProcess, default_worker_memory, worker_environment

GROWTH = 1.5
"""A worker is replaced when its memory has grown by half since its first jobs."""

SETTLED = 2
"""Jobs after which a worker's memory is what it needs at least."""

Words = dict[str, Any]
Hear = Callable[[WorkerProcess, Words | None], None]


class Keeper:
    """A worker process, replaced when it dies or has grown. One thread at a time may use it.

    Args:
        setup: As `Host` gets it.
        hear: Called from other threads with what a worker says; it is to come back by `heard`.
    """

    def __init__(self, setup: Mapping[str, Any], hear: Hear) -> None:
        self._setup, self._hear = setup, hear
        self._context: Words | None = None
        self._kill_at: float | None = None
        self._settled_bytes = 0
        self._process = self._spawn()

    def tell(self, command: Mapping[str, Any]) -> None:
        """Pass a command on; one for a job that has ended is dropped."""
        if command["do"] == "context":
            self._context = {"do": "context", "context": command["context"]}
            self._process.send(self._context)
        elif command["do"] in ("train", "score"):
            self._process.job = command["job"]
            self._process.send(command)
        elif self._process.job == command["job"]:
            if command["do"] == "cancel" and self._kill_at is None:
                self._kill_at = time.monotonic() + command["grace_s"]
            self._process.send(command)

    def heard(self, process: WorkerProcess, message: Words | None) -> list[Words]:
        """Say what a worker's message means for the driver."""
        if process is not self._process:
            return []
        if message is None:
            return self._replace()
        if message["say"] in ("finished", "failed"):
            process.job, self._kill_at = None, None
            process.jobs_done += 1
            self._recycle()
        return [message]

    def kill_overdue(self) -> None:
        """End a worker that was to stop and hasn't."""
        if self._kill_at is not None and time.monotonic() > self._kill_at:
            self._kill_at = None
            self._process.kill("stopped: it ran past its time", "time")

    def end(self) -> None:
        """End the worker."""
        self._process.end()

    def _spawn(self) -> WorkerProcess:
        path = os.pathsep.join(self._setup["path"] or own_path())
        process = WorkerProcess(
            worker_environment({"PYTHONPATH": path, **self._setup["environment"]}),
            self._hear,
            memory_bytes=self._setup["memory_bytes"] or default_worker_memory(self._setup["slots"]),
            hang_s=self._setup["hang_s"],
        )
        if self._context is not None:
            process.send(self._context)
        return process

    def _replace(self) -> list[Words]:
        """The worker has ended: start another, and say what that cost."""
        process = self._process
        ending, job = process.ending(), process.job
        data = {"reason": ending.reason, "cause": ending.cause}
        said = []
        if not process.ready and not ending.cause:
            # It never came to its job, which is not to blame.
            data["words"] = process.last_words()
            said = [{"say": "unready", "job": -1 if job is None else job, "data": data}]
        elif job is not None:
            said = [{"say": "lost" if ending.outside else "failed", "job": job, "data": data}]
        self._swap()
        return said

    def _recycle(self) -> None:
        """Replace a worker that has grown: Keras leaves something behind with each model."""
        process = self._process
        if process.jobs_done <= SETTLED:
            self._settled_bytes = process.memory()
        elif process.memory() > GROWTH * self._settled_bytes > 0:
            self._swap()

    def _swap(self) -> None:
        old, self._process = self._process, self._spawn()
        self._kill_at, self._settled_bytes = None, 0
        threading.Thread(target=old.end, daemon=True).start()  # it may take seconds


def own_path() -> list[str]:
    """This process's import path without the folders that Ray puts in front.

    They hold copies of libraries that need not be the installed versions.
    """
    ray = getattr(sys.modules.get("ray"), "__file__", None)
    of_ray = Path(ray).parent if ray else None
    return [entry for entry in sys.path if entry and of_ray not in Path(entry).parents]
