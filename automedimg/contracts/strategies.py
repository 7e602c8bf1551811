"""What a strategy plugin provides: an Optuna sampler and pruner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automedimg.contracts.source import Source

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


class Strategy(ABC):
    """Proposes the next trial and says which running one is not worth its time."""

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler.

        It is made anew for every proposal, with a seed derived from the search's seed and the
        trial's number: a resumed search proposes what an uninterrupted one would have. What a
        sampler remembers must therefore come from the study.

        Args:
            seed: In [0, 2^32).
        """

    @abstractmethod
    def pruner(self) -> BasePruner:
        """Return a pruner; it sees the metric on the validation split after each epoch."""


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A strategy as it is listed by ``automedimg plugins``."""

    name: str
    summary: str
    factory: Callable[[], Strategy]
    source: Source | None = None
