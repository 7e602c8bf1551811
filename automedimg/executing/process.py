"""A worker process, the line to it, and the watch over it.

The worker is `python -m automedimg.search.worker`. It takes commands as JSON lines on its standard
input, answers on its standard output, and ends when its input does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from automedimg.executing.memory import kernel_kills, own_memory

WORKER = (sys.executable, "-P", "-m", "automedimg.search.worker")

START_S = 300.0
"""Seconds that a worker may take to import Keras."""

_WATCH_S = 0.2
_GAP_S = 5.0
_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT")

Hear = Callable[["WorkerProcess", "dict[str, Any] | None"], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a worker ended.

    Args:
        reason: In words.
        cause: As in a message of kind ``failed``.
        outside: Whether somebody else ended it, which is not its trial's fault.
    """

    reason: str
    cause: str = ""
    outside: bool = False


class WorkerProcess:
    """A worker process and what it is doing.

    Args:
        environment: All of it; see `worker_environment`.
        hear: Called from other threads with each message, and with None once it has ended. Signs of
            life are not passed on.
        memory_bytes: Memory of its own past which it is ended; None is no limit.
        hang_s: Seconds without a sign of life, while it has a job, after which it is ended.
    Attributes:
        job: What it is doing; set by whoever sends commands.
        ready: Whether it has imported Keras.
        jobs_done: How many jobs it has ended.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        hear: Hear,
        *,
        memory_bytes: int | None = None,
        hang_s: float = 300.0,
    ) -> None:
        self.job: int | None = None
        self.ready, self.jobs_done = False, 0
        self._memory_bytes, self._hang_s, self._hear = memory_bytes, hang_s, hear
        self._ending: Ending | None = None
        self._kills_before = kernel_kills()
        self._sign = time.monotonic()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._popen = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=dict(environment),
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # a Ctrl-C in the terminal is the parent's to handle
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def was_killed(self) -> bool:
        """Whether this program ended it."""
        return self._ending is not None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._popen.pid

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command; if the process is gone, its end is reported anyway."""
        self._sign = time.monotonic()
        stream = self._popen.stdin
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.write(json.dumps(command) + "\n")
                stream.flush()

    def kill(self, reason: str, cause: str = "") -> None:
        """End it at once."""
        self._ending = self._ending or Ending(reason, cause)
        self._kill()

    def end(self) -> None:
        """Let it end: it does so when its input does."""
        with suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=3)
        self._kill()
        self._popen.wait()
        self._listener.join(timeout=3)
        if self._popen.stdout is not None and not self._listener.is_alive():
            self._popen.stdout.close()
        self._errors.close()

    def ending(self) -> Ending:
        """Wait for its end and say why it came."""
        code = self._popen.wait()
        if self._ending is not None:
            return self._ending
        if code >= 0:
            return Ending(f"worker exited with code {code}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        if name == "SIGBUS":  # a memory map whose file found no room
            return Ending("worker killed by SIGBUS: is the disk of the caches full?", "disk")
        if name == "SIGKILL" and kernel_kills() > self._kills_before:
            return Ending("out of memory: the system killed the worker", "memory")
        return Ending(f"worker killed by {name}", outside=name in _OUTSIDE)

    def memory(self, *, children: bool = True) -> int:
        """Resident bytes of its own, and of its children; 0 if it is gone."""
        with suppress(psutil.Error):
            return own_memory(psutil.Process(self._popen.pid), children=children)
        return 0

    def last_words(self) -> str:
        """The end of what it printed before it had a log."""
        with suppress(OSError, ValueError):
            self._errors.seek(0)
            return self._errors.read().decode(errors="replace").strip()[-800:]
        return ""

    def _kill(self) -> None:
        """Kill it with whatever processes it may have started: it leads a session of its own.

        Those would hold our end of its pipe, so that nobody heard that it is gone.
        """
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()

    def _listen(self) -> None:
        stream = self._popen.stdout
        with suppress(OSError, ValueError):
            for line in stream or ():
                with suppress(ValueError, AttributeError):  # a plugin may have written to our pipe
                    message = json.loads(line)
                    self._sign = time.monotonic()
                    if message.get("say") == "ready":
                        self.ready = True
                    if message.get("say") != "alive":
                        self._hear(self, message)
        self._hear(self, None)

    def _watch(self) -> None:
        """End it when it takes too much memory or gives no sign of life; clear up after it."""
        last, turn = time.monotonic(), 0
        while True:
            if self._popen.poll() is not None:
                self._kill()
                return
            time.sleep(_WATCH_S)
            now = time.monotonic()
            if now - last > _GAP_S:
                # We were stopped ourselves, and its signs of life wait in the pipe.
                self._sign = max(self._sign, now - 1.0)
            last = now
            turn += 1
            # To find its children, the system's whole list of processes has to be read.
            used = self.memory(children=turn % 10 == 0) if self._memory_bytes is not None else 0
            if self._memory_bytes is not None and used > self._memory_bytes:
                limit = self._memory_bytes / 1e9
                self.kill(
                    f"out of memory: the worker took {used / 1e9:.1f} GB, its limit is "
                    f"{limit:.1f} GB",
                    "memory",
                )
            allowed = START_S if not self.ready else self._hang_s
            if (self.job is not None or not self.ready) and now - self._sign > allowed:
                self.kill(f"hung: no sign of life for {allowed:.0f} s", "hung")


def worker_environment(added: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and import path, and what a device adds.

    The current folder is no part of it: it may hold downloaded files.
    """
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **added}
