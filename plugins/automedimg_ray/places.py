"""A slot as the driver sees it, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from automedimg.errors import BackendError
from automedimg_ray.keeper import Words
from automedimg_ray.link import Link

MAX_STARTS = 3
"""Times in a row that a slot may come up in vain."""


@dataclass(slots=True, eq=False)
class Place:
    """A slot, the line to it, and what it is to do.

    Attributes:
        link: The line; a new one when a slot was lost.
        job: What it is doing.
        command: That, as it was sent.
        cancelled: Whether the job is to stop.
        fit: Whether it may have a job: it is up, and sees the files.
        ready: Whether its worker has imported Keras.
        failed_starts: Times in a row that it came up in vain.
    """

    link: Link
    job: int | None = None
    command: Words = field(default_factory=dict)
    cancelled: bool = False
    fit: bool = False
    ready: bool = False
    failed_starts: int = 0

    def give(self, job: int, command: Words) -> None:
        """Send it a job."""
        self.job, self.command, self.cancelled = job, command, False
        self.link.send(command)

    def reopen(self, link: Link) -> None:
        """Take a new line; the job of the old one is gone with it."""
        self.link, self.job = link, None
        self.fit = self.ready = False

    def started(self) -> None:
        """Its worker has imported Keras."""
        self.ready, self.failed_starts = True, 0


def wrong_version(node: str, about: Mapping[str, Any]) -> BackendError | None:
    """The error if a node has another automedimg than this process."""
    here = version("automedimg")
    if about["version"] == here:
        return None
    return BackendError(
        f"node {node} has automedimg {about['version']}, this machine has {here}",
        "install the same version on all nodes, with the same plugins",
    )


def wrong_files(node: str, unseen: list[str]) -> BackendError | None:
    """The error if a node doesn't see the files of this one."""
    if not unseen:
        return None
    return BackendError(
        f"node {node} does not see the same files as this machine: {', '.join(unseen)}",
        "put the run directory and the cache on a file system that all nodes share, under the same "
        "path everywhere",
    )


def not_starting(reason: str, words: str = "") -> BackendError:
    """The error if workers don't come up."""
    if "No module named" in reason:
        return BackendError(
            f"workers can't start: {reason}",
            "install automedimg and its plugins on all nodes of the cluster",
        )
    return BackendError(f"workers can't start: {reason}", words or None)
