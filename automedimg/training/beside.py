"""Backbones side by side: their features next to each other, and the network of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import BuiltBackbone


class Rows(Protocol):
    """What can be asked for some of its rows: an array, or several next to each other."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> npt.NDArray[Any]: ...


class Beside:
    """Arrays of the same rows as one, joined where they are read: nothing is copied before.

    Args:
        arrays: (N, D1), (N, D2), ...; of one type.
    """

    def __init__(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        self._arrays = [np.asarray(array) for array in arrays]
        self.shape = (len(arrays[0]), sum(array.shape[1] for array in arrays))
        self.dtype = arrays[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any, /) -> npt.NDArray[Any]:
        return np.concatenate([array[rows] for array in self._arrays], axis=-1)


def join(parts: Mapping[str, BuiltBackbone]) -> BuiltBackbone:
    """Put backbones side by side on one input.

    Args:
        parts: By name; each takes the same images (N, H, W, C).
    Returns:
        A network of one nested model a part, with its name, and features (N, D1 + D2 + ...). Its
        Grad-CAM layer names those of all parts, ``a/gradcam+b/gradcam``.
    """
    first = next(iter(parts.values())).model
    image = keras.Input(first.input_shape[1:], name="image")
    named = [
        keras.Model(built.model.input, built.model.output, name=name)
        for name, built in parts.items()
    ]
    features = keras.layers.Concatenate(name="side_by_side")([part(image) for part in named])
    layers = [f"{name}/{built.gradcam_layer}" for name, built in parts.items()]
    readable = all(built.gradcam_layer for built in parts.values())
    return BuiltBackbone(keras.Model(image, features), "+".join(layers) if readable else "")
