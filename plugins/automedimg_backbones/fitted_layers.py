"""Layers of fitted heads: what scikit-learn has fitted, as Keras evaluates and saves it.

Their weights are set, never trained. All of them compute in float32 on any backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

Floats = npt.NDArray[np.float32]

register = keras.saving.register_keras_serializable("automedimg")


@register
class Standardise(keras.layers.Layer):  # type: ignore[misc]
    """Centres and scales features: (x - mean) * scale.

    Input shape: (N, D). Output shape: the same.
    """

    def __init__(self, **rest: Any) -> None:
        super().__init__(**{"trainable": False, "dtype": "float32", **rest})

    def build(self, input_shape: Sequence[int]) -> None:
        """Make room for mean and scale, (D,) each."""
        shape = (input_shape[-1],)
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros")
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, features: Any) -> Any:
        """Centre and scale."""
        return (features - self.mean) * self.scale


@register
class RbfKernel(keras.layers.Layer):  # type: ignore[misc]
    """Similarity to each of some vectors: exp(-gamma ||x - v||^2).

    Args:
        num_vectors: S.
        gamma: Above 0.

    Input shape: (N, D). Output shape: (N, S).
    """

    def __init__(self, num_vectors: int, gamma: float, **rest: Any) -> None:
        super().__init__(**{"trainable": False, "dtype": "float32", **rest})
        self.num_vectors, self.gamma = num_vectors, gamma

    def build(self, input_shape: Sequence[int]) -> None:
        """Make room for the vectors, (S, D)."""
        shape = (self.num_vectors, input_shape[-1])
        self.vectors = self.add_weight(name="vectors", shape=shape, initializer="zeros")

    def call(self, features: Any) -> Any:
        """Compare with each vector; no (N, S, D) is ever made."""
        squares = ops.sum(ops.square(features), axis=1, keepdims=True)
        own = ops.sum(ops.square(self.vectors), axis=1)
        products = ops.matmul(features, ops.transpose(self.vectors))
        return ops.exp(-self.gamma * ops.maximum(squares + own - 2.0 * products, 0.0))

    def compute_output_shape(self, input_shape: Sequence[int]) -> tuple[Any, ...]:
        """(N, S)."""
        return (input_shape[0], self.num_vectors)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {**super().get_config(), "num_vectors": self.num_vectors, "gamma": self.gamma}


@register
class Trees(keras.layers.Layer):  # type: ignore[misc]
    """The mean of trees that end in class probabilities, as logits: its logarithm.

    All trees go down a level at a time. Nothing larger than (N, T) is made.

    Args:
        num_trees: T.
        num_nodes: M, of the largest tree; smaller ones are padded.
        num_classes: K.
        depth: Of the deepest tree.

    Input shape: (N, D). Output shape: (N, K).
    """

    LEAST = 1e-7
    """Probability that none is below: its logarithm is finite."""

    def __init__(
        self, num_trees: int, num_nodes: int, num_classes: int, depth: int, **rest: Any
    ) -> None:
        super().__init__(**{"trainable": False, "dtype": "float32", **rest})
        self.num_trees, self.num_nodes = num_trees, num_nodes
        self.num_classes, self.depth = num_classes, depth

    def build(self, input_shape: Sequence[int]) -> None:
        """Make room for the nodes of all trees, one after the other, (T * M,).

        Of each: the feature it looks at, its threshold, and where to go, as a place in this list;
        leaves stay where they are. Beside them the probabilities of leaves, (T * M, K).
        """
        del input_shape
        size = self.num_trees * self.num_nodes

        def add(name: str, dtype: str, *shape: int) -> Any:
            return self.add_weight(
                name=name, shape=(size, *shape), dtype=dtype, initializer="zeros"
            )

        self.feature, self.threshold = add("feature", "int32"), add("threshold", "float32")
        self.low, self.high = add("low", "int32"), add("high", "int32")
        self.values = add("values", "float32", self.num_classes)

    def call(self, features: Any) -> Any:
        """Send each row down each tree, and average where it ends."""
        roots = ops.arange(0, self.num_trees * self.num_nodes, self.num_nodes, dtype="int32")
        node = ops.zeros_like(features[:, :1], dtype="int32") + roots  # (N, T)
        for _ in range(self.depth):
            seen = ops.take_along_axis(features, ops.take(self.feature, node), axis=1)
            below = seen <= ops.take(self.threshold, node)
            node = ops.where(below, ops.take(self.low, node), ops.take(self.high, node))
        shares = [
            ops.mean(ops.take(self.values[:, k], node), axis=1) for k in range(self.num_classes)
        ]
        return ops.log(ops.maximum(ops.stack(shares, axis=1), self.LEAST))

    def compute_output_shape(self, input_shape: Sequence[int]) -> tuple[Any, ...]:
        """(N, K)."""
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        names = ("num_trees", "num_nodes", "num_classes", "depth")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def in_a_row(num_features: int, layers: Sequence[tuple[Any, Sequence[Any]]]) -> keras.Model:
    """A model of layers one after the other.

    Args:
        num_features: D.
        layers: Each with its weights, in the order of `get_weights`.
    """
    features = keras.Input((num_features,), name="features")
    x = features
    for layer, weights in layers:
        x = layer(x)
        layer.set_weights([np.asarray(weight) for weight in weights])
    return keras.Model(features, x, name="fitted_head")


def dense(kernel: Any, bias: Any, name: str = "logits") -> tuple[Any, list[Floats]]:
    """A dense layer and its weights, (D, E) and (E,)."""
    layer = keras.layers.Dense(np.shape(kernel)[1], name=name, dtype="float32", trainable=False)
    return layer, [np.asarray(kernel, np.float32), np.asarray(bias, np.float32)]
