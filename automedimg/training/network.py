"""Put a backbone and a head together, for training and for use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from automedimg.contracts import PRETRAINED_MODES, BuiltBackbone, TrainMode
from automedimg.explain.gradcam import COMPLETION
from automedimg.training.augment import Augment
from automedimg.training.changes import ALL
from automedimg.training.cutting import Cut
from automedimg.training.outcome import TrialFailureError


@dataclass(frozen=True, slots=True)
class Network:
    """A backbone and a head, sharing their weights among the models made from them."""

    backbone: BuiltBackbone
    head: keras.Model
    train: TrainMode

    def for_training(self, augmentation: float, seed: int, changes: str = ALL) -> keras.Model:
        """Images (N, H, W, C) in [0, 255] to logits (N, K), augmented while it trains."""
        image = keras.Input(self.backbone.model.input_shape[1:], name="image")
        changed = Augment(augmentation, seed, changes)(image) if augmentation > 0 else image
        return keras.Model(image, self._logits(changed))

    def above(self, cut: Cut) -> keras.Model:
        """Activations at a cut (N, ...) to logits (N, K)."""
        activations = keras.Input(cut.shape, name="activations")
        head = _named_apart(self.head, cut.upper)
        return keras.Model(activations, head(cut.upper(activations, training=False)))

    def classifier(self) -> keras.Model:
        """Images (N, H, W, C) in [0, 255] to probabilities (N, K): the model that is saved."""
        image = keras.Input(self.backbone.model.input_shape[1:], name="image")
        probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")
        return keras.Model(image, probabilities(self._logits(image)), name="classifier")

    def _logits(self, image: Any) -> Any:
        # Pretrained batch norm keeps its ImageNet statistics: small batches would wreck them.
        fixed = {"training": False} if self.train in PRETRAINED_MODES else {}
        features = self.backbone.model(image, **fixed)
        if keras.backend.standardize_dtype(features.dtype) != "float32":
            # Heads, logits and losses are float32 whatever the backbone computes in.
            features = keras.layers.Activation("linear", dtype="float32")(features)
        return _named_apart(self.head, self.backbone.model)(features)


def _named_apart(head: keras.Model, below: keras.Model) -> keras.Model:
    """Return the head, under another name if it has that of what it stands on.

    Models without a name are numbered by Keras, which begins anew with each `clear_session`: one
    that was built before it and one after it can both be `functional`, and no model holds both.
    """
    if head.name == below.name:
        head.name = f"{head.name}_head"
    return head


def complete_logits(head: keras.Model, num_classes: int) -> keras.Model:
    """Return a head with a logit for each class.

    One logit z for two classes is that of the second: it becomes [0, z], whose softmax is
    [1 - sigmoid(z), sigmoid(z)] and whose cross-entropy is the binary one. Keras's own layers do
    it, without parameters, so that a saved model loads where automedimg isn't installed.

    Args:
        head: Features (N, D) to logits (N, K), or for two classes (N, 1).
        num_classes: K.
    Returns:
        Features (N, D) to logits (N, K), on the same weights.
    Raises:
        TrialFailureError: the head gives another number of logits.
    """
    columns = head.output_shape[-1]
    if columns == num_classes:
        return head
    if (columns, num_classes) != (1, 2):
        raise TrialFailureError(f"the head gives {columns} logits for {num_classes} classes")
    # What is more than its layers, a class of its own perhaps, has to be called as a whole.
    plain = is_plain_graph(head)
    features = head.inputs[0] if plain else keras.Input(head.input_shape[1:])
    logit = head.outputs[0] if plain else head(features)
    row = keras.layers.Reshape((1, 1), name="one_logit")(logit)
    row = keras.layers.ZeroPadding1D((1, 0), name="zero_logit")(row)
    both = keras.layers.Reshape((2,), name=COMPLETION)(row)
    return keras.Model(features, both, name=f"{head.name}_completed")


def is_plain_graph(model: keras.Model) -> bool:
    """Whether a model is nothing but its layers; a subclass may do anything in its own `call`."""
    kind = type(model)
    functional = kind.__name__ == "Functional" and kind.__module__.startswith("keras.")
    return kind in (keras.Model, keras.Sequential) or functional


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
