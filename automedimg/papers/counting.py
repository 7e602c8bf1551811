"""How many parameters a network has, and how many of them are trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automedimg.contracts import PRETRAINED_MODES, Backbone
from automedimg.registry import Catalog
from automedimg.search.space import Choice


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of parameters.

    Args:
        parameters: All of them; None where only fitting tells.
        trainable: Those that are trained by gradients; None likewise.
    """

    parameters: int | None
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
    head: Any = catalog.heads.make(choice.head)
    if not hasattr(head, "build"):  # it is fitted: how large it gets depends on the images
        return Counts(None, None)
    bases = _build(catalog.backbones.make(choice.backbone), shape, choice.backbone_values)
    features = sum(int(base.output_shape[-1]) for base in bases)
    top = head.build(features, classes, choice.head_values)
    return counts_of(bases, top, choice.train)


def _build(backbone: Any, shape: tuple[int, int, int], values: Mapping[str, Any]) -> list[Any]:
    """Build a backbone, or each of several side by side, with random weights."""
    parts: Mapping[str, Backbone] | None = getattr(backbone, "parts", None)
    if parts is None:
        return [backbone.build(shape, values, None).model]
    return [
        part.build(shape, backbone.values_of(name, values), None).model
        for name, part in parts.items()
    ]


def counts_of(bases: Sequence[Any], head: Any, train: str) -> Counts:
    """Count backbones side by side, mostly one, and a head that is trained on them.

    Args:
        bases, head: Keras models.
        train: How the backbone is trained; frozen, it counts to none of the trainable ones.
    """
    parts = [head] if train in PRETRAINED_MODES[:1] else [*bases, head]
    total = sum(int(part.count_params()) for part in (*bases, head))
    return Counts(total, sum(_size(part.trainable_weights) for part in parts))


def _size(weights: Iterable[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
