"""How many parameters a network has, and how many of them are trained."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from automedimg.contracts import PRETRAINED_MODES, Backbone, Head
from automedimg.registry import Catalog
from automedimg.search.space import Choice


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of parameters.

    Args:
        parameters: All of them.
        trainable: Those that are trained; None where nothing is trained by gradients.
    """

    parameters: int
    trainable: int | None


def count(choice: Choice, shape: tuple[int, int, int], classes: int, catalog: Catalog) -> Counts:
    """Build what was chosen, with random weights, and count. Imports Keras.

    Args:
        choice: Components and their values.
        shape: (H, W, C) of the images.
        classes: K.
        catalog: Where components come from.
    Raises:
        AutomedimgError: it can't be built.
    """
    backbone: Backbone = catalog.backbones.make(choice.backbone)
    head: Head = catalog.heads.make(choice.head)
    built = backbone.build(shape, choice.backbone_values, None).model
    features = int(built.output_shape[-1])
    if not hasattr(head, "build"):
        return Counts(int(built.count_params()), None)
    top = head.build(features, classes, choice.head_values)
    return counts_of(built, top, choice.train)


def counts_of(backbone: Any, head: Any, train: str) -> Counts:
    """Count a backbone and a head that is trained on it.

    Args:
        backbone, head: Keras models.
        train: How the backbone is trained; frozen, it counts to none of the trainable ones.
    """
    parts = [head] if train in PRETRAINED_MODES[:1] else [backbone, head]
    total = int(backbone.count_params()) + int(head.count_params())
    return Counts(total, sum(_size(part.trainable_weights) for part in parts))


def _size(weights: Iterable[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
