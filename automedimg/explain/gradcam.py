"""Grad-CAM: which parts of an image speak for a class."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from automedimg.errors import RunError
from automedimg.explain.gradients import gradient

EPSILON = 1e-8

COMPLETION = "two_logits"
"""Name of the last layer of a head that gives one logit for two classes, completed to [0, z]."""


@dataclass(frozen=True, slots=True)
class _Sight:
    """Where a backbone, or one of several side by side, can be looked into.

    Args:
        to_maps: Images to the maps (N, h, w, c) that are weighed.
        to_features: Those to features (N, D).
    """

    to_maps: keras.Model
    to_features: keras.Model


class GradCam:
    """Grad-CAM on a saved classifier.

    Where backbones stand side by side, each has a map, with the features of the others as they are;
    the maps are added.

    Args:
        classifier: A backbone model, a head model and a softmax, as `automedimg search` saves it.
        layer: Name of the backbone's layer whose maps (N, h, w, c) are weighed; of backbones side
            by side ``a/layer+b/layer``, in their order.
    Raises:
        RunError: the classifier is not built that way, or there is no such layer.
    Source: Selvaraju et al. (2017), Grad-CAM, ICCV, equations 1 and 2.
    """

    def __init__(self, classifier: keras.Model, layer: str) -> None:
        if not layer:
            raise RunError(
                "this model can't be explained: it has no map of the image that Grad-CAM could "
                "read, as descriptors and random forests have none",
                "search again with a network and a head that has a slope, e.g. "
                "`--backbones mobilenetv2 --heads dense,logistic`",
            )
        parts = [part for part in classifier.layers if isinstance(part, keras.Model)]
        sights = _sights(parts[0], layer) if len(parts) == 2 else []
        if not sights:
            raise RunError(
                "this model can't be explained: it is not a backbone and a head",
                "models that `automedimg search` saved can",
            )
        self._sights, self._head = sights, parts[1]
        self._one_logit = self._head.layers[-1].name == COMPLETION

    def explain(self, image: npt.NDArray[np.float32], label: int) -> npt.NDArray[np.float32]:
        """Return how much each pixel speaks for a class.

        Args:
            image: float32 (H, W, C) in [0, 255], as the classifier takes it.
            label: Class index.
        Returns:
            float32 (H, W) in [0, 1]; all zero where nothing speaks for the class.
        """
        batch = np.asarray(image, dtype=np.float32)[None]
        height, width = image.shape[:2]
        maps = [_numbers(sight.to_maps(batch, training=False)) for sight in self._sights]
        cams = [self._weighed(index, maps, label) for index in range(len(maps))]
        if len(cams) > 1:  # what speaks against the class in one counts against the others
            cams = [np.sum([_resized(cam, height, width) for cam in cams], axis=0)]
        cam = np.maximum(cams[0], 0.0)
        cam = cam / cam.max() if cam.max() > EPSILON else np.zeros_like(cam)
        return np.clip(_resized(cam, height, width), 0.0, 1.0)

    def _weighed(
        self, index: int, maps: list[npt.NDArray[np.float32]], label: int
    ) -> npt.NDArray[np.float32]:
        """The maps of one sight, weighed by their mean slope and added, (h, w)."""
        features = [
            sight.to_features(own, training=False)
            for sight, own in zip(self._sights, maps, strict=True)
        ]

        def logit(point: object) -> object:
            own = self._sights[index].to_features(point, training=False)
            whole = [own if place == index else other for place, other in enumerate(features)]
            logits = self._head(keras.ops.concatenate(whole, axis=-1), training=False)
            # The first logit is always 0 then: what speaks for its class speaks against the other.
            return -logits[0, 1] if self._one_logit and label == 0 else logits[0, label]

        weights = gradient(logit, maps[index]).mean(axis=(1, 2))
        weighed: npt.NDArray[np.float32] = (maps[index][0] * weights[0]).sum(axis=-1)
        return weighed


def _sights(backbone: keras.Model, layer: str) -> list[_Sight]:
    """Where a backbone can be looked into; empty if there is no such layer."""
    inner = {part.name: part for part in backbone.layers}
    pairs = [name.rpartition("/") for name in layer.split("+")]
    networks = [inner.get(part) if part else backbone for part, _, _ in pairs]
    sights = []
    for network, (_, _, name) in zip(networks, pairs, strict=True):
        if not isinstance(network, keras.Model) or name not in {it.name for it in network.layers}:
            return []
        maps = network.get_layer(name).output
        sights.append(_Sight(keras.Model(network.input, maps), keras.Model(maps, network.output)))
    return sights


def _numbers(tensor: object) -> npt.NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(tensor), dtype=np.float32)


def _resized(cam: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    cam = cam.astype(np.float32)
    smooth = Image.fromarray(cam).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float32)


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
