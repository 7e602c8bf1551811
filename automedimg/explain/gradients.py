"""The gradient of a scalar function of one tensor, on whichever backend Keras uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt


def gradient(function: Callable[[Any], Any], at: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Return d function / d input, of the input's shape.

    Args:
        function: From a tensor to a scalar tensor, made of Keras models and `keras.ops`.
        at: Where to take it.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(function, at)
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(jax.numpy.asarray(at)))
    import torch

    point = torch.tensor(at, requires_grad=True)
    function(point).backward()
    return np.asarray(point.grad)


def _tensorflow(function: Callable[[Any], Any], at: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    import tensorflow

    point = tensorflow.convert_to_tensor(at)
    with tensorflow.GradientTape() as tape:
        tape.watch(point)
        value = function(point)
    return np.asarray(tape.gradient(value, point))
