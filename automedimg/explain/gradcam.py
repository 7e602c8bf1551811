"""Grad-CAM: which parts of an image speak for a class."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from automedimg.errors import RunError
from automedimg.explain.gradients import gradient

EPSILON = 1e-8

COMPLETION = "two_logits"
"""Name of the last layer of a head that gives one logit for two classes, completed to [0, z]."""


class GradCam:
    """Grad-CAM on a saved classifier.

    Args:
        classifier: A backbone model, a head model and a softmax, as `automedimg search` saves it.
        layer: Name of the backbone's layer whose maps (N, h, w, c) are weighed.
    Raises:
        RunError: the classifier is not built that way.
    Source: Selvaraju et al. (2017), Grad-CAM, ICCV, equations 1 and 2.
    """

    def __init__(self, classifier: keras.Model, layer: str) -> None:
        parts = [part for part in classifier.layers if isinstance(part, keras.Model)]
        if len(parts) != 2 or layer not in {inner.name for inner in parts[0].layers}:
            raise RunError(
                "this model can't be explained: it is not a backbone and a head",
                "models that `automedimg search` saved can",
            )
        backbone, self._head = parts
        self._one_logit = self._head.layers[-1].name == COMPLETION
        maps = backbone.get_layer(layer).output
        self._to_maps = keras.Model(backbone.input, maps)
        self._to_features = keras.Model(maps, backbone.output)

    def explain(self, image: npt.NDArray[np.float32], label: int) -> npt.NDArray[np.float32]:
        """Return how much each pixel speaks for a class.

        Args:
            image: float32 (H, W, C) in [0, 255], as the classifier takes it.
            label: Class index.
        Returns:
            float32 (H, W) in [0, 1]; all zero where nothing speaks for the class.
        """
        batch = np.asarray(image, dtype=np.float32)[None]
        maps = np.asarray(self._to_maps(batch, training=False), dtype=np.float32)

        def logit(point: object) -> object:
            logits = self._head(self._to_features(point, training=False), training=False)
            # The first logit is always 0 then: what speaks for its class speaks against the other.
            return -logits[0, 1] if self._one_logit and label == 0 else logits[0, label]

        weights = gradient(logit, maps).mean(axis=(1, 2))
        cam = np.maximum((maps[0] * weights[0]).sum(axis=-1), 0.0)
        cam = cam / cam.max() if cam.max() > EPSILON else np.zeros_like(cam)
        height, width = image.shape[:2]
        smooth = Image.fromarray(cam.astype(np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        return np.clip(np.asarray(smooth, dtype=np.float32), 0.0, 1.0)


def overlay(image: npt.NDArray[np.float32], cam: npt.NDArray[np.float32]) -> Image.Image:
    """Lay a map over its image: from clear through red to yellow.

    Args:
        image: float32 (H, W, C) in [0, 255], C in {1, 3}.
        cam: float32 (H, W) in [0, 1].
    Returns:
        An RGB picture of the same size.
    """
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    heat = np.stack([np.full_like(cam, 255.0), 235.0 * cam**1.5, np.full_like(cam, 20.0)], axis=-1)
    alpha = 0.65 * cam[..., None]
    return Image.fromarray(np.round((1 - alpha) * rgb + alpha * heat).astype(np.uint8))
