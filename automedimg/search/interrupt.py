"""Ctrl-C, SIGTERM and a lost terminal as a flag that a loop reads: no step of it is torn."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

HANGUP = getattr(signal, "SIGHUP", None)

TWICE_S = 0.5
"""Seconds within which two signals count as one."""


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Give an event that is set by the first of the signals; a second one, later, raises.

    Shells send a lost terminal's signal twice, and what is ignored (`nohup`) stays so. Only the
    main thread can be told of signals; elsewhere the event stays clear.
    """
    flag, first = threading.Event(), 0.0

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal first
        del frame
        if not flag.is_set():
            first = time.monotonic()
            flag.set()
        elif number != HANGUP and time.monotonic() - first > TWICE_S:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, remember) for number in heard}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
