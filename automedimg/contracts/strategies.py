"""What a strategy plugin provides: an Optuna sampler and pruner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automedimg.contracts.source import Source
from automedimg.contracts.space import Parameter

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


@dataclass(frozen=True, slots=True)
class Outline:
    """What a strategy is told of a search before it proposes anything.

    Args:
        space: Every parameter that is searched, those that others depend on first.
        defaults: Configurations by ledger name that are tried before the strategy is asked.
        seed: Of the search, in [0, 2^32); the same in all its sessions.
        epochs: Most epochs that a trial may train.
        maximize: Whether more of the metric is better.
    """

    space: Sequence[Parameter]
    defaults: Sequence[Mapping[str, Any]]
    seed: int
    epochs: int
    maximize: bool


class Strategy(ABC):
    """Proposes the next trial and says which running one is not worth its time.

    Whatever it remembers must come from the outline and the study: a search that was killed makes
    a new one, and goes on as if nothing had happened.
    """

    takes_advice: bool = False
    """Whether its sampler completes a trial of which some values are fixed, as those of Optuna do.
    Where time is limited, the search then says which components are worth theirs."""

    def prepare(self, outline: Outline) -> None:
        """Look at the search; called once, before `sampler` and `pruner`.

        Raises:
            ConfigurationError: it can't search this space; the message says why.
        """
        del outline

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """Return a sampler.

        It is made anew for every value that is proposed, each time with a seed that is derived
        from the search's seed, the trial's number and the value's name: a resumed search proposes
        what an uninterrupted one would have. One that needs a single seed for all proposals (a
        grid, a low-discrepancy sequence) takes that of `prepare`.

        Args:
            seed: In [0, 2^32).
        """

    @abstractmethod
    def pruner(self) -> BasePruner:
        """Return a pruner; it sees the metric on the validation split after each epoch."""

    def epochs(self, study: optuna.Study, number: int) -> int | None:
        """Most epochs of a trial that was just proposed; None leaves it at the search's.

        Args:
            study: The ledger.
            number: The trial's.
        """
        del study, number
        return None

    def exhausted(self, study: optuna.Study) -> bool:
        """Whether there is nothing left to propose, as when a grid has been walked through."""
        del study
        return False


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A strategy as it is listed by ``automedimg plugins``."""

    name: str
    summary: str
    factory: Callable[[], Strategy]
    source: Source | None = None
