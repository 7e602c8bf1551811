"""Put a backbone and a head together, for training and for use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from automedimg.contracts import PRETRAINED_MODES, BuiltBackbone, TrainMode
from automedimg.training.augment import Augment
from automedimg.training.cutting import Cut


@dataclass(frozen=True, slots=True)
class Network:
    """A backbone and a head, sharing their weights among the models made from them."""

    backbone: BuiltBackbone
    head: keras.Model
    train: TrainMode

    def for_training(self, augmentation: float, seed: int) -> keras.Model:
        """Images (N, H, W, C) in [0, 255] to logits (N, K), augmented while it trains."""
        image = keras.Input(self.backbone.model.input_shape[1:], name="image")
        changed = Augment(augmentation, seed)(image) if augmentation > 0 else image
        return keras.Model(image, self._logits(changed))

    def above(self, cut: Cut) -> keras.Model:
        """Activations at a cut (N, ...) to logits (N, K)."""
        activations = keras.Input(cut.shape, name="activations")
        return keras.Model(activations, self.head(cut.upper(activations, training=False)))

    def classifier(self) -> keras.Model:
        """Images (N, H, W, C) in [0, 255] to probabilities (N, K): the model that is saved."""
        image = keras.Input(self.backbone.model.input_shape[1:], name="image")
        probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")
        return keras.Model(image, probabilities(self._logits(image)), name="classifier")

    def _logits(self, image: Any) -> Any:
        # Pretrained batch norm keeps its ImageNet statistics: small batches would wreck them.
        fixed = {"training": False} if self.train in PRETRAINED_MODES else {}
        return self.head(self.backbone.model(image, **fixed))


def freeze_all_but(model: keras.Model, share: float) -> None:
    """Leave the upper `share` in (0, 1] of the layers that have weights trainable; freeze the rest.

    Batch-norm layers stay frozen throughout: see `Network`.
    """
    model.trainable = True
    weighted = [layer for layer in _flat_layers(model) if layer.weights]
    first = round(len(weighted) * (1.0 - share))
    for index, layer in enumerate(weighted):
        batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = index >= first and not batch_norm


def _flat_layers(model: keras.Model) -> list[Any]:
    flat: list[Any] = []
    for layer in model.layers:
        flat += _flat_layers(layer) if isinstance(layer, keras.Model) else [layer]
    return flat
