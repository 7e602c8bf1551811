"""What a view remembers of a search: enough to draw it at any moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automedimg.contracts import (
    EpochFinished,
    Event,
    PartStarted,
    SearchStarted,
    StageAdvanced,
    StageStarted,
    TrialFinished,
    TrialResult,
    TrialStarted,
)


@dataclass(slots=True)
class RunningTrial:
    """A trial at work."""

    params: Mapping[str, Any]
    epoch: int = 0
    epochs: int = 0
    value: float | None = None


@dataclass(slots=True)
class Progress:
    """A search's progress, from its events."""

    started: float = field(default_factory=time.monotonic)
    stage: str = ""
    stage_done: int = 0
    stage_total: int | None = None
    search: SearchStarted | None = None
    running: dict[int, RunningTrial] = field(default_factory=dict)
    finished: list[TrialResult] = field(default_factory=list)
    best: TrialResult | None = None

    def take(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, StageStarted):
            self.stage, self.stage_total, self.stage_done = event.text, event.total, 0
        elif isinstance(event, StageAdvanced):
            self.stage_done = event.done
        elif isinstance(event, SearchStarted):
            self.search, self.stage = event, ""
        elif isinstance(event, PartStarted):
            # Another search: what the one before it came to is none of its business.
            self.running, self.finished, self.best, self.search = {}, [], None, None
        elif isinstance(event, TrialStarted):
            self.running[event.number] = RunningTrial(event.params)
        elif isinstance(event, EpochFinished):
            running = self.running.get(event.number)
            if running is not None:
                running.epoch, running.epochs = event.epoch, event.epochs
                running.value = event.value
        elif isinstance(event, TrialFinished):
            self.running.pop(event.result.number, None)
            self.finished.append(event.result)
            if event.best:
                self.best = event.result

    @property
    def done(self) -> int:
        """Trials that are finished, earlier sessions' included."""
        return len(self.finished) + (self.search.done if self.search else 0)

    def elapsed_s(self) -> float:
        """Seconds since this session began."""
        return time.monotonic() - self.started

    def left_s(self) -> float | None:
        """Seconds that are left: the budget's, or a guess from the trials so far."""
        if self.search is None:
            return None
        guesses = []
        if self.search.time_s is not None:
            guesses.append(self.search.time_s - self.elapsed_s())
        if self.search.trials is not None and len(self.finished) >= 3:
            pace = sum(result.seconds for result in self.finished) / len(self.finished)
            guesses.append(pace * (self.search.trials - self.done))
        return max(0.0, min(guesses)) if guesses else None


def clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def brief(params: Mapping[str, Any]) -> str:
    """The components of a trial, in a few words."""
    words = [str(params.get("backbone", "?"))]
    alpha = params.get(f"{words[0]}.alpha")
    if alpha is not None:
        words[0] += f" {alpha:g}"
    words.append(str(params.get("train", "")))
    if params.get("head", "dense") != "dense":
        words.append(str(params["head"]))
    layers = params.get("dense.layers")
    if layers:
        words.append(f"{layers} hidden")
    if "learning_rate" in params:
        words.append(f"lr {params['learning_rate']:.1e}")
    return ", ".join(word for word in words if word)
