"""Processes that read images for this one, and what happens when one of them dies.

They are started anew as `python -m`, not forked and not by `multiprocessing`: whatever program
calls this need not guard its main module, and nothing of it is imported again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from automedimg.data import decode_wire as wire
from automedimg.data.formed import File, Formed, Wanted
from automedimg.executing import worker_environment

COMMAND = (sys.executable, "-P", "-m", "automedimg.data.decode_worker")

CRASHED = "damaged: the decoder crashed on it"

_FAULTS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")

_Read = Callable[[Sequence[File]], list[Formed | str]]


class DecodePool:
    """As many processes as threads ask at once.

    Where no process can be started, and where one was ended from outside, the thread reads
    itself. A file that crashes a process is read by none: it is set aside.

    Args:
        wanted: What is made of each image.
        here: Reads files in this process.
    """

    def __init__(self, wanted: Wanted, here: _Read) -> None:
        self._wanted, self._here = wanted, here
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._all: list[_Process] = []
        self._works, self._closed = True, False

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            processes, self._all = self._all, []
        for process in processes:
            process.close()

    def read(self, files: Sequence[File]) -> list[Formed | str]:
        """Return the images of some files, in order; may be called from many threads."""
        process = self._take()
        if process is None:
            return [] if self._closed else self._here(files)
        try:
            found = process.read(files)
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return self._without(process, files)
        with self._lock:
            self._idle.append(process)
        return found

    def _take(self) -> _Process | None:
        """A process that waits, or a new one; None if there is to be none."""
        with self._lock:
            if self._closed or not self._works:
                return None
            if self._idle:
                return self._idle.pop()
            try:
                process = _Process(self._wanted)
            except OSError:  # no memory, or nothing may be started here
                self._works = False
                return None
            self._all.append(process)
            return process

    def _without(self, process: _Process, files: Sequence[File]) -> list[Formed | str]:
        """Read what a process has failed to read."""
        code = process.close()
        with self._lock:
            closed = self._closed
            if process in self._all:
                self._all.remove(process)
            # One that never came to its work says nothing of the files.
            self._works = self._works and process.began
        if closed:
            return []
        if not process.began or not _is_fault(code):
            return self._here(files)
        if len(files) > 1:
            return [image for file in files for image in self.read([file])]
        return [CRASHED for _ in files[0][1]]


class _Process:
    """One process and its pipes.

    Attributes:
        began: Whether it has imported what it needs.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.began = False
        self._popen = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}),
        )
        self._greeting = wire.of_wanted(wanted)

    def read(self, files: Sequence[File]) -> list[Formed | str]:
        """Ask for the images of some files.

        Raises:
            OSError, EOFError, ValueError, KeyError, TypeError: it is gone, or talks nonsense.
        """
        requests, answers = self._popen.stdin, self._popen.stdout
        if requests is None or answers is None:
            raise EOFError
        if not self.began:
            wire.say(requests, self._greeting)
            self.began = wire.hear(answers) == wire.READY
        wire.say(requests, wire.of_files(files))
        found = wire.read_images(answers)
        if len(found) != sum(len(parts) for _, parts in files):
            raise ValueError
        return found

    def close(self) -> int:
        """End it, and return its exit code, negative for a signal; -SIGKILL if it still lived."""
        with suppress(subprocess.TimeoutExpired):  # it may be dying
            self._popen.wait(timeout=0.0 if self._popen.poll() is not None else 0.2)
        self._popen.kill()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not written yet
                    pipe.close()
        return self._popen.wait()


def _is_fault(code: int) -> bool:
    """Whether a process crashed; one that was ended, or gave up, says nothing of files."""
    try:
        return code < 0 and signal.Signals(-code).name in _FAULTS
    except ValueError:
        return False
