"""What a backbone plugin provides: images to features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from automedimg.contracts.heads import Floats
from automedimg.contracts.source import Source
from automedimg.contracts.space import Component, Space

if TYPE_CHECKING:
    import keras

TrainMode = Literal["frozen", "finetune", "scratch"]
PRETRAINED_MODES: tuple[TrainMode, ...] = ("frozen", "finetune")


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of pretrained weights, without the classification top.

    Args:
        name: For example ``imagenet``.
        values: The parameter values that this file fits, e.g. ``{"alpha": 0.35}``.
        files: File names to look for, the preferred one first.
        url: Where it can be downloaded; saved under the last name of `files`.
        md5: Checksum of the file behind `url`; empty where the publisher gives none.
        source: Paper and licence.
        sha256: Checksum, where the publisher gives this one.
    """

    name: str
    values: Mapping[str, Any]
    files: tuple[str, ...]
    url: str = ""
    md5: str = ""
    source: Source | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class BuiltBackbone:
    """A network that turns images into features.

    Args:
        model: float32 images (N, H, W, C) in [0, 255] in, features (N, D) out. Its preprocessing is
            inside, so that a saved model can't be fed wrongly.
        gradcam_layer: Name of the layer in `model` whose output (N, h, w, c) Grad-CAM reads. It
            must be a plain layer, not a nested model. Empty where there is none: such a network
            can't be explained.
    """

    model: keras.Model
    gradcam_layer: str


class Backbone(Component):
    """A network family. Instances hold no state; one may build many models."""

    modes: tuple[TrainMode, ...] = ("scratch",)
    """How it can be trained; `frozen` and `finetune` need weights, unless it knows of none."""

    draws: bool = True
    """Whether, without a weight file, `build` draws weights at random. A fixed extractor does not:
    its features are computed once, whatever a trial's seed is."""

    fit_only: tuple[str, ...] = ()
    """Parameters that only `fit` reads: features are computed once for all of their values."""

    min_side: int = 1
    """Height and width in pixels of the smallest images that it takes."""

    def weights(self) -> Sequence[Weights]:
        """The weight files that this backbone knows of."""
        return ()

    @abstractmethod
    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare the parameters that a search may choose.

        Args:
            weights: Those of `weights()` that were found. Where there are any, parameters that
                select a weight file must offer only what these files fit.
        """

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """Good configurations that are tried first; may set any parameter of a trial."""
        del weights
        return ()

    @abstractmethod
    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network.

        Args:
            input_shape: (H, W, C) with C in {1, 3}, H and W at least `min_side`.
            values: One value for each active parameter of `space`.
            weights: File to load; None initialises at random.
        """

    def fit(self, features: Floats, values: Mapping[str, Any], seed: int) -> keras.Model | None:
        """Learn a last part of the network from the training images' features, without labels.

        Called where the backbone is frozen. It has to be a function of its arguments alone.

        Args:
            features: What `build`'s model gives for training images, float32 (N, D); they may be
                overwritten.
            values: One value for each active parameter of `space`.
            seed: Of whatever is drawn; the same in all trials of a search.
        Returns:
            A model from features (N, D) to the features (N, E) that heads get; None where there is
            nothing to learn.
        """
        del features, values, seed
        return None


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """A backbone as it is listed by ``automedimg plugins``.

    Args:
        name: Lower case, digits, underscores.
        summary: One line.
        factory: Returns the `Backbone`; called only when it is used.
        source: Paper and licence.
        gmacs: Multiply-accumulates of one 224 x 224 image, in 10^9, of the largest variant: how
            dear it is beside the others. 0 where it depends on the parameters.
        tags: Free words, e.g. ``("cnn", "imagenet")``.
        default: Whether a search that names no backbones considers it. Leave it at True for what
            most data and most machines profit from; no weights are looked for of one that is False
            and not named.
    """

    name: str
    summary: str
    factory: Callable[[], Backbone]
    source: Source | None = None
    gmacs: float = 0.0
    tags: tuple[str, ...] = field(default=())
    default: bool = True
