"""Make the parts of a trial's network from its spec, each once."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import Backbone, BuiltBackbone, Head, TrialSpec
from automedimg.registry import Catalog
from automedimg.training.features import cached_features
from automedimg.training.network import Network
from automedimg.training.talk import Talk
from automedimg.training.trial_data import TrialData


class Assembly:
    """A trial's backbone, its features, its head, and the network of both.

    Args:
        spec: Names them, and their values.
        data: The images.
        catalog: Where components come from.
        talk: Hears a sign of life of whatever takes long.
    """

    def __init__(self, spec: TrialSpec, data: TrialData, catalog: Catalog, talk: Talk) -> None:
        self._spec, self._data, self._catalog, self._talk = spec, data, catalog, talk
        self._maker: Backbone = catalog.backbones.make(spec.backbone)
        self._built: BuiltBackbone | None = None
        self._head: keras.Model | None = None

    @property
    def gradcam_layer(self) -> str:
        """The backbone's layer that Grad-CAM reads; empty if the backbone wasn't needed."""
        return self._built.gradcam_layer if self._built else ""

    def backbone(self) -> BuiltBackbone:
        """Images (N, H, W, C) to features (N, D)."""
        if self._built is None:
            weights = Path(self._spec.weights) if self._spec.weights else None
            self._built = self._maker.build(
                self._data.input_shape, self._spec.backbone_values, weights
            )
            self._talk.alive()
        return self._built

    def features(self) -> npt.NDArray[np.float32]:
        """The backbone's features of all rows of the pixel cache, float32 (N, D)."""
        return cached_features(self._spec, self._data, self._maker, self.backbone, self._talk.alive)

    def head(self, num_features: int) -> keras.Model:
        """Features (N, D) to logits (N, K)."""
        if self._head is None:
            head: Head = self._catalog.heads.make(self._spec.head)
            self._head = head.build(num_features, self._data.num_classes, self._spec.head_values)
        return self._head

    def network(self) -> Network:
        """The whole network; around the head that was trained already, if one was."""
        built = self.backbone()
        return Network(built, self.head(built.model.output_shape[-1]), self._spec.train)
