"""Make the parts of a trial's network from its spec, each once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import keras

from automedimg.contracts import Backbone, BuiltBackbone, Head, IntArray, TrialSpec
from automedimg.registry import Catalog
from automedimg.training.backend import make_deterministic
from automedimg.training.feature_files import Features
from automedimg.training.features import FeatureCache
from automedimg.training.network import Network, complete_logits
from automedimg.training.precision import FULL, building_in, training_policy
from automedimg.training.talk import Talk
from automedimg.training.trial_data import TrialData

Build: TypeAlias = Callable[[], BuiltBackbone]


class Shelf:
    """The last frozen backbone that a worker built, for the next trial that wants the same one.

    Nothing trains it, and building it takes longer than training a head. One without a weight file
    is not kept: its weights come from the trial's seed.
    """

    def __init__(self) -> None:
        self._key = ""
        self._built: BuiltBackbone | None = None

    def get(self, spec: TrialSpec, shape: tuple[int, ...], build: Build) -> BuiltBackbone:
        """Return the backbone of a trial on images of a shape, built if it isn't here."""
        if spec.train != "frozen" or spec.weights is None:
            self._built = None  # two large networks are one too many
            return build()
        values = dict(sorted(spec.backbone_values.items()))
        key = json.dumps([spec.backbone, values, spec.weights, shape])
        if self._built is None or key != self._key:
            self._key, self._built = key, build()
        return self._built


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
        self._spec, self._data, self._catalog, self._talk = spec, data, catalog, talk
        self._shelf = shelf
        self._maker: Backbone = catalog.backbones.make(spec.backbone)
        self._built: BuiltBackbone | None = None
        self._twin: BuiltBackbone | None = None
        self.policy = training_policy(spec.train)
        self._cache = FeatureCache(spec, data, self._maker, self._in_float32, talk.alive)
        self._head: keras.Model | None = None

    @property
    def gradcam_layer(self) -> str:
        """The layer of the saved backbone that Grad-CAM reads; empty if none was needed."""
        built = self._twin or self._built
        return built.gradcam_layer if built else ""

    @property
    def extracted(self) -> int:
        """Images that went through the frozen backbone so far."""
        return self._cache.computed

    @property
    def extraction_s(self) -> float:
        """Seconds that this took."""
        return self._cache.seconds

    def backbone(self) -> BuiltBackbone:
        """Images (N, H, W, C) to features (N, D)."""
        if self._built is None:
            shape = self._data.input_shape
            self._built = self._shelf.get(self._spec, shape, lambda: self._build(shape))
            self._talk.alive()
        return self._built

    def _build(self, shape: tuple[int, int, int]) -> BuiltBackbone:
        """Build the backbone as it is trained; in float32 if it can't be otherwise."""
        try:
            with building_in(self.policy):
                return self._build_plain(shape)
        # A plugin's own operations may not take half precision; whatever they raise, float32 may.
        except Exception as error:
            if self.policy == FULL:
                raise
            sys.stderr.write(f"trained in float32: {self.policy} gives {error!r}\n")
            self.policy = FULL
            make_deterministic(self._spec.seed)
            return self._build_plain(shape)

    def _build_plain(self, shape: tuple[int, int, int]) -> BuiltBackbone:
        weights = Path(self._spec.weights) if self._spec.weights else None
        return self._maker.build(shape, self._spec.backbone_values, weights)

    def _in_float32(self) -> BuiltBackbone:
        """The backbone in float32, with the weights that it has now."""
        built = self.backbone()
        if self.policy == FULL:
            return built
        if self._twin is None:
            self._twin = self._build_plain(self._data.input_shape)
        self._twin.model.set_weights(built.model.get_weights())
        return self._twin

    def features(self) -> Features:
        """The backbone's features of all rows of the pixel cache, float32 (N, D)."""
        return self._cache.plain()

    def views(self, rows: IntArray, num: int) -> list[Features]:
        """Its features of some rows, changed at random in so many ways; float32 (M, D) each."""
        return [self._cache.view(rows, number) for number in range(1, num + 1)]

    def head(self, num_features: int) -> keras.Model:
        """Features (N, D) to logits (N, K)."""
        if self._head is None:
            head: Head = self._catalog.heads.make(self._spec.head)
            num_classes = self._data.num_classes
            built = head.build(num_features, num_classes, self._spec.head_values)
            self._head = complete_logits(built, num_classes)
        return self._head

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
