"""Put a backbone and a head together, for training and for use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from automedimg.contracts import PRETRAINED_MODES, BuiltBackbone, TrainMode


@dataclass(frozen=True, slots=True)
class Network:
    """A backbone and a head, sharing their weights among the models made from them."""

    backbone: BuiltBackbone
    head: keras.Model
    train: TrainMode

    def for_training(self, augmentation: float) -> keras.Model:
        """Images (N, H, W, C) in [0, 255] to logits (N, K), augmented while it trains."""
        image = keras.Input(self.backbone.model.input_shape[1:], name="image")
        return keras.Model(image, self._logits(augment(image, augmentation)))

    def classifier(self) -> keras.Model:
        """Images (N, H, W, C) in [0, 255] to probabilities (N, K): the model that is saved."""
        image = keras.Input(self.backbone.model.input_shape[1:], name="image")
        probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")
        return keras.Model(image, probabilities(self._logits(image)), name="classifier")

    def _logits(self, image: Any) -> Any:
        # Pretrained batch norm keeps its ImageNet statistics: small batches would wreck them.
        fixed = {"training": False} if self.train in PRETRAINED_MODES else {}
        return self.head(self.backbone.model(image, **fixed))


def augment(image: Any, strength: float) -> Any:
    """Flip, turn, shift, zoom and change the contrast, more so the greater the strength in [0, 1].

    At 1: turns of up to 36 degrees, shifts and zooms of 15 %, contrast and brightness of 30 %.
    """
    if strength <= 0:
        return image
    layers = keras.layers
    x = layers.RandomFlip("horizontal")(image)
    x = layers.RandomRotation(0.1 * strength, fill_mode="constant")(x)
    x = layers.RandomTranslation(0.15 * strength, 0.15 * strength, fill_mode="constant")(x)
    x = layers.RandomZoom(0.15 * strength, fill_mode="constant")(x)
    x = layers.RandomContrast(0.3 * strength, value_range=(0, 255))(x)
    return layers.RandomBrightness(0.3 * strength, value_range=(0, 255))(x)


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
