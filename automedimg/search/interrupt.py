"""Ctrl-C, SIGTERM and a lost terminal as a flag that a loop reads: no step of it is torn."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Give an event that is set by the first of the signals; a second raises.

    Only the main thread can be told of signals; elsewhere the event stays clear.
    """
    flag = threading.Event()

    def remember(number: int, frame: FrameType | None) -> None:
        del number, frame
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.signal(number, remember) for number in SIGNALS}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
