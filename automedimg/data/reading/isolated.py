"""Decoders in C that a damaged file can crash or hold up, run in a process of their own."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from automedimg.data.reading.values import Values
from automedimg.errors import DataError

ISOLATED = ("gdcm", "pyjpegls")
"""GDCM aborts or segfaults on damaged lossless JPEG (1 of 1,000 mutated files), CharLS takes up to
10 s for 64 x 64 pixels of damaged JPEG-LS. pydicom's other decoders did neither."""

TIMEOUT_S = 120.0
"""The last resort; before it the worker's limit on processor time ends what takes too long."""

CPU_LIMIT_SIGNAL = getattr(signal, "SIGXCPU", 0)

_SCRIPT = Path(__file__).with_name("codec_worker.py")

_lock = threading.Lock()
_idle: list[_Worker] = []


def decode_isolated(frame: bytes, syntax: str, plugin: str, options: dict[str, Any]) -> Values:
    """Decode one compressed frame, as `codec_worker.decode` does.

    Raises:
        DataError: it can't be decoded, or not in time.
    """
    worker = _take()
    try:
        values = worker.decode(frame, syntax, plugin, options)
    except BaseException:
        worker.close()
        raise
    with _lock:
        _idle.append(worker)
    if values is None:
        raise DataError("damaged: the compressed image can't be decoded")
    return values


def close_workers() -> None:
    """End the processes that wait for work; later calls start others."""
    with _lock:
        workers = _idle.copy()
        _idle.clear()
    for worker in workers:
        worker.close()


def _take() -> _Worker:
    with _lock:
        while _idle:
            worker = _idle.pop()
            # A forked child must not talk into its parent's pipes.
            if worker.owner == os.getpid():
                return worker
    return _Worker()


class _Worker:
    """One process and its pipes."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # -P keeps the script's folder, with its `types.py`, off the path.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def decode(
        self, frame: bytes, syntax: str, plugin: str, options: dict[str, Any]
    ) -> Values | None:
        """Return the values, None if the frame is damaged."""
        request = {"syntax": syntax, "plugin": plugin, "options": options, "num_bytes": len(frame)}
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(TIMEOUT_S, stop)
        timer.start()
        try:
            return self._ask(json.dumps(request).encode() + b"\n" + frame)
        except (OSError, ValueError):
            self.close()
            slow = late.is_set() or self._process.returncode == -CPU_LIMIT_SIGNAL
            words = "took too long for" if slow else "crashed on"
            raise DataError(f"damaged: the decoder {words} the compressed image") from None
        finally:
            timer.cancel()

    def _ask(self, request: bytes) -> Values | None:
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise OSError
        requests.write(request)
        requests.flush()
        answer = json.loads(answers.readline())
        body = answers.read(answer["num_bytes"])
        if "dtype" not in answer:
            return None
        return np.frombuffer(body, answer["dtype"]).reshape(answer["shape"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not written yet
                    continue
        self._process.wait()


atexit.register(close_workers)
