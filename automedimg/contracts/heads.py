"""What a head plugin provides: features to classes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.contracts.metrics import IntArray
from automedimg.contracts.source import Source
from automedimg.contracts.space import Component, Space

if TYPE_CHECKING:
    import keras

Floats: TypeAlias = npt.NDArray[np.float32]


class _Declaring(Component):
    """What all heads have in common. Instances hold no state."""

    @abstractmethod
    def space(self) -> Space:
        """Declare the parameters that a search may choose."""

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        """Good values of `space`, best guess first; they complete a backbone's defaults."""
        return ()


class Head(_Declaring):
    """A classifier on features that is trained by gradients, alone or with its backbone."""

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


class FittedHead(_Declaring):
    """A classifier that is fitted to a frozen backbone's features at once, without gradients.

    It knows neither epochs nor a learning rate: what belongs to training by gradients does not
    exist for it. What it fits comes back as a Keras model, because that is what is saved.
    """

    differentiable: bool = True
    """Whether its logits change smoothly with the features: Grad-CAM needs their slope."""

    @abstractmethod
    def fit(
        self,
        features: Floats,
        labels: IntArray,
        groups: IntArray | None,
        num_classes: int,
        values: Mapping[str, Any],
        seed: int,
    ) -> keras.Model:
        """Fit the classifier.

        Args:
            features: Of the training images, float32 (N, D); they may be overwritten.
            labels: Class index of each, int64 (N,), in [0, K). Each class occurs, unless the
                training images lack it.
            groups: What may not be torn apart when rows are held out, int64 (N,); None where
                nothing is known of groups. Rows of one group show one patient, or one image.
            num_classes: K, 2 or more.
            values: One value for each active parameter of `space`.
            seed: Of whatever is drawn.
        Returns:
            A model from features (N, D) to logits (N, K), float32, the softmax of which are the
            probabilities. Layers of your own must be registered with Keras, in a module of your
            package.
        """


AnyHead: TypeAlias = Head | FittedHead


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """A head as it is listed by ``automedimg plugins``.

    Args:
        name: Lower case, digits, underscores, hyphens.
        summary: One line.
        factory: Returns the `Head` or `FittedHead`; called only when it is used.
        source: Paper and licence.
        default: Whether a search that names no heads considers it.
    """

    name: str
    summary: str
    factory: Callable[[], AnyHead]
    source: Source | None = None
    default: bool = True
