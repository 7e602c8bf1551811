"""What a trial says and asks while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from automedimg.contracts import Decision


class Talk(Protocol):
    """A trial's line to the orchestrator."""

    def epoch(self, row: Mapping[str, Any]) -> Decision:
        """Report an epoch and wait for the answer.

        A trial that goes on from a checkpoint reports the epochs after it again.
        """

    def cancelled(self) -> bool:
        """Whether the trial was asked to stop at the epoch it has."""

    def alive(self) -> None:
        """Give a sign of life.

        It is called often, after each batch of training, prediction or feature extraction, and has
        to be cheap.
        """


class TrialTalk(Talk, Protocol):
    """A trial's line to the orchestrator, its end included."""

    def scored(self, value: float, log_loss: float) -> Decision:
        """Report the trial's score and wait for whether to keep the model."""


class Silent:
    """The line of a warm-up: nobody listens to its epochs, but it can be cancelled.

    Args:
        talk: The trial's own line.
    """

    def __init__(self, talk: Talk) -> None:
        self.cancelled, self.alive = talk.cancelled, talk.alive

    def epoch(self, row: Mapping[str, Any]) -> Decision:
        """Go on."""
        del row
        return "continue"
