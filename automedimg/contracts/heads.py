"""What a head plugin provides: features to classes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automedimg.contracts.source import Source
from automedimg.contracts.space import Component, Space

if TYPE_CHECKING:
    import keras


class Head(Component):
    """A classifier on features. Instances hold no state."""

    @abstractmethod
    def space(self) -> Space:
        """Declare the parameters that a search may choose."""

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        """Good values of `space`, best guess first; they complete a backbone's defaults."""
        return ()

    @abstractmethod
    def build(self, num_features: int, num_classes: int, values: Mapping[str, Any]) -> keras.Model:
        """Build the classifier.

        Args:
            num_features: D.
            num_classes: K, 2 or more.
            values: One value for each active parameter of `space`.
        Returns:
            A model from features (N, D) to logits (N, K), float32. For two classes it may give
            one logit (N, 1), that of the second class.
        """


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """A head as it is listed by ``automedimg plugins``.

    Args:
        name: Lower case, digits, underscores, hyphens.
        summary: One line.
        factory: Returns the `Head`; called only when it is used.
        source: Paper and licence.
        default: Whether a search that names no heads considers it.
    """

    name: str
    summary: str
    factory: Callable[[], Head]
    source: Source | None = None
    default: bool = True
