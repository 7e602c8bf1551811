"""What a user asks of a paper's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automedimg.errors import ConfigurationError
from automedimg.papers.protocol import SPLIT_PROTOCOLS


@dataclass(frozen=True, slots=True)
class PaperRequest:
    """A run of a protocol, as asked for; `automedimg.api.paper` documents each field."""

    paper: str
    out: Path
    data: Path | None = None
    sample: bool = False
    only: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    epochs: int | None = None
    image_size: int | None = None
    trials: int | None = None
    weights: str | None = None
    instead: Mapping[str, str] = field(default_factory=dict)
    weights_dir: Path | None = None
    cache_dir: Path | None = None
    download: bool = True
    workers: int | None = None
    devices: tuple[str, ...] | None = None
    worker_memory_bytes: int | None = None

    def check(self) -> None:
        """Raise one error that names everything that is wrong.

        Raises:
            ConfigurationError: a number is out of range, or a way to split is unknown.
        """
        at_least = (("epochs", self.epochs, 1), ("image size", self.image_size, 32))
        problems = [
            f"{name} is {value}, expected {low} or more"
            for name, value, low in (*at_least, ("trials", self.trials, 1))
            if value is not None and value < low
        ]
        problems += [
            f"unknown protocol `{name}`; expected some of {', '.join(SPLIT_PROTOCOLS)}"
            for name in self.protocols
            if name not in SPLIT_PROTOCOLS
        ]
        if self.sample and self.data is not None:
            problems.append("--sample makes its own images: give either it or --data")
        if problems:
            raise ConfigurationError("; ".join(problems))
