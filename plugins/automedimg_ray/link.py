"""The driver's end of the line to one slot."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import ray

from automedimg_ray.keeper import Words

POLL_S = 5.0
"""Seconds that a slot with nothing to say lets the driver wait."""

Hear = Callable[["Link", Words], None]


class Link:
    """The line to an actor that holds a slot, from the moment on when it is asked for.

    Args:
        actor: A `Host`.
        hear: Called from another thread with what the slot says; before, once, with ``up`` when it
            has found a node, and after, once, with ``gone``, where it was lost.
        hang_s: Seconds without an answer after which it is lost.
    Attributes:
        since: When it was asked for, by the monotonic clock.
        up: Whether it has found a node.
        node: That node's name.
    """

    def __init__(self, actor: Any, hear: Hear, hang_s: float) -> None:
        self.since, self.up, self.node = time.monotonic(), False, ""
        self._actor, self._hear, self._hang_s = actor, hear, hang_s
        self._sent: deque[Any] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command; if the slot is gone, that is reported anyway."""
        with suppress(Exception):
            self._sent.append(self._actor.send.remote(dict(command)))

    def closing(self) -> Any:
        """Ask it to end its worker; returns what to wait for."""
        self._closed = True
        return self._actor.close.remote()

    def end(self) -> None:
        """End it at once."""
        self._closed = True
        with suppress(Exception):
            ray.kill(self._actor, no_restart=True)

    def join(self) -> None:
        """Wait until nothing asks Ray for anything any more; not for long."""
        self._thread.join(timeout=3.0)

    def _listen(self) -> None:
        try:
            self._wait_until_up()
            while not self._closed:
                self._poll()
        # Whatever went wrong with this slot, others go on.
        except Exception as error:  # noqa: BLE001
            if not self._closed:
                self.end()
                data = {"reason": self._reason(error), "cause": ""}
                self._hear(self, {"say": "gone", "job": -1, "data": data})

    def _wait_until_up(self) -> None:
        asked = self._actor.hello.remote()
        while not self._closed and not self.up:
            if ray.wait([asked], timeout=1.0)[0]:
                about = ray.get(asked)
                self.node, self.up = about["node"], True
                self._hear(self, {"say": "up", "job": -1, "data": about})

    def _poll(self) -> None:
        if not ray.is_initialized():
            raise ConnectionError("Ray was shut down")  # asked, it would look for another cluster
        wait = min(POLL_S, self._hang_s / 4)
        asked = self._actor.take.remote(wait)
        for message in ray.get(asked, timeout=self._hang_s):
            self._hear(self, message)
        while self._sent:
            done, _ = ray.wait([self._sent[0]], timeout=0)
            if not done:
                break
            ray.get(done)  # raises if the command was lost on its way
            self._sent.popleft()

    def _reason(self, error: Exception) -> str:
        """Why it is gone, in few words."""
        where = f"node {self.node}" if self.up else "a node"
        if isinstance(error, TimeoutError):
            return f"{where} gave no sign of life for {self._hang_s:.0f} s"
        if isinstance(error, ray.exceptions.ActorUnavailableError):
            return f"{where} can't be reached any more"
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith("The actor ") or "Error: " in line]
        text = (telling or lines or [type(error).__name__])[-1]
        return f"{where} was lost: {text.partition('. ')[0]}"[:300]
