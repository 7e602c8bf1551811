"""Make the parts of a trial's network from its spec, each once."""

from __future__ import annotations

from dataclasses import replace

import keras

from automedimg.contracts import Backbone, BuiltBackbone, FittedHead, Head, IntArray, TrialSpec
from automedimg.registry import Catalog, SideBySide
from automedimg.training.beside import Beside, Rows, join
from automedimg.training.cutting import Cut
from automedimg.training.feature_files import Features
from automedimg.training.network import Network, complete_logits
from automedimg.training.part import Part
from automedimg.training.precision import FULL
from automedimg.training.shelf import Shelf
from automedimg.training.talk import Talk
from automedimg.training.trial_data import TrialData

__all__ = ["Assembly", "Shelf"]


class Assembly:
    """A trial's backbone, its features, its head, and the network of both.

    Args:
        spec: Names them, and their values.
        data: The images.
        catalog: Where components come from.
        talk: Hears a sign of life of whatever takes long.
        shelf: Where a frozen backbone may be found.
    Attributes:
        policy: Keras's dtype policy of the backbone in training.
    """

    def __init__(
        self, spec: TrialSpec, data: TrialData, catalog: Catalog, talk: Talk, shelf: Shelf
    ) -> None:
        self._spec, self._data = spec, data
        maker: Backbone = catalog.backbones.make(spec.backbone)
        self._parts = {
            name: Part(own, data, part, talk, shelf) for name, own, part in _parts(spec, maker)
        }
        shelf.begin([part.key for part in self._parts.values()])
        self._built: BuiltBackbone | None = None
        self._head: keras.Model | None = None
        self._head_maker: Head | FittedHead = catalog.heads.make(spec.head)

    @property
    def gradcam_layer(self) -> str:
        """The layer of the saved backbone that Grad-CAM reads.

        Empty if there is none, if the backbone wasn't needed, or if the head has no slope.
        """
        fitted = self.fitted_head
        if self._built is None or (fitted is not None and not fitted.differentiable):
            return ""
        return self._in_float32().gradcam_layer

    @property
    def fitted_head(self) -> FittedHead | None:
        """The head, if it is fitted at once."""
        return self._head_maker if isinstance(self._head_maker, FittedHead) else None

    @property
    def policy(self) -> str:
        """The precision in which the backbone is trained; several are side by side only frozen."""
        return next(iter(self._parts.values())).policy

    @property
    def extracted(self) -> int:
        """Images that went through a frozen backbone so far."""
        return sum(part.cache.computed for part in self._parts.values())

    @property
    def extraction_s(self) -> float:
        """Seconds that this took."""
        return sum(part.cache.seconds for part in self._parts.values())

    def draw_weights(self) -> None:
        """Build what draws weights: first of all, so that the seed gives it the same ones again."""
        if any(part.draws for part in self._parts.values()):
            for part in self._parts.values():
                part.build()

    def backbone(self) -> BuiltBackbone:
        """Images (N, H, W, C) to features (N, D)."""
        if self._built is None:
            built = {name: part.built() for name, part in self._parts.items()}
            self._built = join(built) if len(built) > 1 else built[self._spec.backbone]
        return self._built

    def _in_float32(self) -> BuiltBackbone:
        """The backbone in float32, with the weights that it has now."""
        built = self.backbone()
        return built if self.policy == FULL else next(iter(self._parts.values())).in_float32()

    def features(self) -> Rows:
        """The backbone's features of all rows of the pixel cache, float32 (N, D)."""
        return _beside([part.features() for part in self._parts.values()])

    def views(self, rows: IntArray, num: int) -> list[Rows]:
        """Its features of some rows, changed at random in so many ways; float32 (M, D) each."""
        parts = self._parts.values()
        return [_beside([part.view(rows, n) for part in parts]) for n in range(1, num + 1)]

    def activations(self, cut: Cut) -> Features | None:
        """Of all rows of the pixel cache at a cut, float32 (N, ...); None without room for them."""
        (part,) = self._parts.values()  # several are side by side only frozen
        return part.cache.at_cut(cut)

    def extract(self) -> None:
        """Compute the features that are cached, without what is learnt from those of training."""
        self.draw_weights()
        for part in self._parts.values():
            part.cache.plain()

    def head(self, num_features: int) -> keras.Model:
        """Features (N, D) to logits (N, K)."""
        if self._head is None:
            if isinstance(self._head_maker, FittedHead):
                raise TypeError(f"the head `{self._spec.head}` is fitted, not built")
            num_classes = self._data.num_classes
            built = self._head_maker.build(num_features, num_classes, self._spec.head_values)
            self._head = complete_logits(built, num_classes)
        return self._head

    def put_head(self, head: keras.Model) -> None:
        """Take a head that was fitted."""
        self._head = head

    def network(self) -> Network:
        """The whole network; around the head that was trained already, if one was."""
        built = self.backbone()
        head = self.head(built.model.output_shape[-1])
        # Now, whether features are needed or not: it draws random numbers.
        self._in_float32()
        return Network(built, head, self._spec.train)

    def saved(self) -> Network:
        """The network in float32, with the weights that it has now.

        It scores the epochs and is saved: both give the same numbers, and need no GPU.
        """
        network = self.network()
        return replace(network, backbone=self._in_float32())


def _parts(spec: TrialSpec, maker: Backbone) -> list[tuple[str, TrialSpec, Backbone]]:
    """The backbones of a trial, each with its name and the trial's spec as it concerns that one."""
    if not isinstance(maker, SideBySide):
        return [(spec.backbone, spec, maker)]
    return [
        (name, _spec_of(spec, name, maker.values_of(name, spec.backbone_values)), part)
        for name, part in maker.parts.items()
    ]


def _spec_of(spec: TrialSpec, name: str, values: dict[str, object]) -> TrialSpec:
    weights = spec.part_weights.get(name)
    return replace(spec, backbone=name, backbone_values=values, weights=weights, part_weights={})


def _beside(arrays: list[Features]) -> Rows:
    return arrays[0] if len(arrays) == 1 else Beside(arrays)
