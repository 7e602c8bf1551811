"""The local executor: one worker process a slot, replaced when it dies or has grown old."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from automedimg.contracts import Decision, Executor, Message, RunContext, ScoreSpec, TrialSpec
from automedimg.errors import BackendError
from automedimg.search.devices import Slot, find_slots
from automedimg.training.backend import choose_backend

RECYCLE_AFTER = 40
"""Jobs after which a worker is replaced: Keras grows by about 10 MB a trial."""

MAX_STARTS = 3
"""Workers that may die in a row before one ever got ready."""

_Arrival = tuple["_Process", dict[str, Any] | None]


class _Process:
    """A worker process and what it is doing."""

    def __init__(self, slot: Slot, arrivals: queue.Queue[_Arrival]) -> None:
        self.slot, self.jobs_done = slot, 0
        self.job: int | None = None
        self.command: dict[str, Any] = {}
        self.ready = False
        self.kill_at: float | None = None
        self.kill_reason = ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "automedimg.search.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(slot),
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # a Ctrl-C in the terminal is the parent's to handle
        )
        threading.Thread(target=self._listen, args=(arrivals,), daemon=True).start()

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command; if the process is gone, its end is reported anyway."""
        stream = self._popen.stdin
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.write(json.dumps(command) + "\n")
                stream.flush()

    def kill(self, reason: str) -> None:
        """End it at once."""
        self.kill_reason = reason
        self._kill()

    def _kill(self) -> None:
        """Kill it with whatever processes it may have started: it leads a session of its own."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()

    def end(self) -> None:
        """Let it end: it does so when its input does."""
        with suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        try:
            self._popen.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._kill()
            self._popen.wait()
        if self._popen.stdout is not None:
            self._popen.stdout.close()
        self._errors.close()

    def exit_reason(self) -> str:
        """Why it ended."""
        code = self._popen.wait()
        if self.kill_reason:
            return self.kill_reason
        if code < 0:
            name = signal.Signals(-code).name
            guess = " (out of memory?)" if name == "SIGKILL" else ""
            return f"worker killed by {name}{guess}"
        return f"worker exited with code {code}"

    def last_words(self) -> str:
        """The end of what it printed before it had a log."""
        with suppress(OSError, ValueError):
            self._errors.seek(0)
            return self._errors.read().decode(errors="replace").strip()[-800:]
        return ""

    def _listen(self, arrivals: queue.Queue[_Arrival]) -> None:
        stream = self._popen.stdout
        with suppress(OSError, ValueError):
            for line in stream or ():
                with suppress(ValueError):  # a plugin may have written to our pipe
                    arrivals.put((self, json.loads(line)))
        arrivals.put((self, None))


class LocalExecutor(Executor):
    """Runs jobs in worker processes on this machine's GPUs, or on its CPU.

    Args:
        workers: How many; None is one a GPU, or one for the whole CPU.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._slots = find_slots(choose_backend(), workers)
        self._arrivals: queue.Queue[_Arrival] = queue.Queue()
        self._waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self._dropped: deque[Message] = deque()
        self._context: RunContext | None = None
        self._next_job = 0
        self._failed_starts = 0
        self._closed = False
        # They import Keras while the caller still reads images.
        self._processes = [_Process(slot, self._arrivals) for slot in self._slots]

    @property
    def num_slots(self) -> int:
        """One a worker."""
        return len(self._slots)

    @property
    def devices(self) -> tuple[str, ...]:
        """The slots' names."""
        return tuple(slot.name for slot in self._slots)

    def start(self, context: RunContext) -> None:
        """Tell the workers what all jobs share."""
        self._context = context
        for process in self._processes:
            process.send({"do": "context", "context": context.to_json()})

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
            yield from self._take(process, message)

    def answer(self, job: int, decision: Decision) -> None:
        """Answer an ``epoch`` or ``scored`` message of a job."""
        for process in self._processes:
            if process.job == job:
                process.send({"do": "answer", "decision": decision})

    def cancel(self, job: int, *, grace_s: float = 10.0) -> None:
        """Ask a job to stop at the epoch it has; end its worker if it hasn't after `grace_s`."""
        if any(number == job for number, _ in self._waiting):
            self._waiting = deque(entry for entry in self._waiting if entry[0] != job)
            self._dropped.append(Message("failed", job, {"reason": "cancelled before it began"}))
        for process in self._processes:
            if process.job == job and process.kill_at is None:
                process.kill_at = time.monotonic() + grace_s
                process.send({"do": "cancel", "job": job})

    def close(self) -> None:
        """End all workers."""
        self._closed = True
        for process in self._processes:
            process.end()
        self._processes = []

    def _take(self, process: _Process, message: dict[str, Any] | None) -> Iterator[Message]:
        if message is None:
            yield from self._replace(process)
        elif message["say"] == "ready":
            process.ready, self._failed_starts = True, 0
        else:
            if message["say"] in ("finished", "failed"):
                # Before the message goes out: whoever takes it may submit, and read no further.
                process.job, process.kill_at = None, None
                process.jobs_done += 1
                self._recycle(process)
                self._dispatch()
            yield Message(message["say"], message["job"], message["data"])

    def _replace(self, process: _Process) -> Iterator[Message]:
        """A worker has ended: say what that cost and start another."""
        if self._closed or process not in self._processes:
            return
        reason, job = process.exit_reason(), process.job
        if not process.ready and not process.kill_reason:
            # It never came to its job, which is not to blame and goes to the next worker.
            if job is not None:
                self._waiting.appendleft((job, process.command))
                job = None
            self._failed_starts += 1
            if self._failed_starts >= MAX_STARTS:
                raise BackendError(f"workers can't start: {reason}", process.last_words() or None)
        self._swap(process)
        self._dispatch()
        if job is not None:
            yield Message("failed", job, {"reason": reason})

    def _recycle(self, process: _Process) -> None:
        if process.jobs_done >= RECYCLE_AFTER and not self._closed:
            self._swap(process)

    def _swap(self, process: _Process) -> None:
        fresh = _Process(process.slot, self._arrivals)
        if self._context is not None:
            fresh.send({"do": "context", "context": self._context.to_json()})
        self._processes[self._processes.index(process)] = fresh
        process.end()

    def _dispatch(self) -> None:
        for process in self._processes:
            if process.job is None and self._waiting:
                process.job, process.command = self._waiting.popleft()
                process.send(process.command)

    def _kill_overdue(self) -> None:
        for process in self._processes:
            if process.kill_at is not None and time.monotonic() > process.kill_at:
                process.kill_at = None
                process.kill("stopped: it ran past its time")


def _environment(slot: Slot) -> dict[str, str]:
    """This process's environment and import path, and what the slot adds.

    The current folder is no part of it: it may hold downloaded files.
    """
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **dict(slot.environment)}
