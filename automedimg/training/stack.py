"""A stack of dense layers in plain NumPy: what a head on cached features is.

Keras traces a new network for a second or more before its first update; a head's own arithmetic
often takes less. So heads that are made of dense layers and dropout are trained here, on the
weights that Keras made, and handed back to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automedimg.explain.gradcam import COMPLETION
from automedimg.training.network import is_plain_graph

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Activation:
    """What follows a dense layer.

    Args:
        apply: Pre-activations (N, U) to outputs.
        slope: Its derivative, from pre-activations and outputs.
    """

    apply: Callable[[Floats], Floats]
    slope: Callable[[Floats, Floats], Floats]


def _sigmoid(z: Floats) -> Floats:
    # By tanh, which does not overflow.
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)), dtype=np.float32)


def _silu_slope(z: Floats, out: Floats) -> Floats:
    gate = _sigmoid(z)
    return gate + out * (1.0 - gate)


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda z: z, lambda z, _: np.ones_like(z)),
    "relu": Activation(lambda z: np.maximum(z, 0.0), lambda z, _: (z > 0.0).astype(np.float32)),
    "tanh": Activation(np.tanh, lambda _, out: 1.0 - out * out),
    "sigmoid": Activation(_sigmoid, lambda _, out: out * (1.0 - out)),
    "silu": Activation(lambda z: z * _sigmoid(z), _silu_slope),
    "elu": Activation(
        lambda z: np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0))),
        lambda z, out: np.where(z > 0.0, np.float32(1.0), out + 1.0),
    ),
}
"""By Keras's name."""


@dataclass(slots=True)
class Layer:
    """A dense layer with the dropout in front of it.

    Args:
        kernel: (D, U), a view of the stack's parameters.
        bias: (U,), likewise; None if it has none.
        kernel_gradient, bias_gradient: Views of the stack's gradient.
        activation: What follows.
        keep: Share of its inputs that training keeps.
    """

    kernel: Floats
    bias: Floats | None
    kernel_gradient: Floats
    bias_gradient: Floats | None
    activation: Activation
    keep: float


@dataclass(slots=True)
class _Seen:
    """What a layer's backward pass needs of its forward pass."""

    inputs: Floats
    mask: Floats | None
    before: Floats
    out: Floats


class Stack:
    """Dense layers whose parameters, and their gradient, are one vector each.

    Args:
        steps: For each layer its kernel, its bias, its activation's name, and the share of its
            inputs that training keeps.
        one_logit: Whether the last layer gives the second of two logits, the first being 0.
    Attributes:
        parameters: float32 (P,).
        gradient: float32 (P,); `backward` fills it.
    """

    def __init__(
        self, steps: list[tuple[Floats, Floats | None, str, float]], *, one_logit: bool = False
    ) -> None:
        arrays = [array for kernel, bias, *_ in steps for array in (kernel, bias)]
        size = sum(array.size for array in arrays if array is not None)
        self.parameters = np.empty(size, np.float32)
        self.gradient = np.zeros(size, np.float32)
        self._end, self._one_logit = 0, one_logit
        self._layers = [self._add(*step) for step in steps]

    def _add(self, kernel: Floats, bias: Floats | None, activation: str, keep: float) -> Layer:
        kernel_views = self._take(kernel)
        bias_views = (None, None) if bias is None else self._take(bias)
        return Layer(
            kernel_views[0],
            bias_views[0],
            kernel_views[1],
            bias_views[1],
            ACTIVATIONS[activation],
            keep,
        )

    def _take(self, values: Floats) -> tuple[Floats, Floats]:
        place = slice(self._end, self._end + values.size)
        self._end = place.stop
        parameter = self.parameters[place].reshape(values.shape)
        parameter[...] = values
        return parameter, self.gradient[place].reshape(values.shape)

    def arrays(self) -> list[Floats]:
        """The parameters of each layer in Keras's order: views, not copies."""
        arrays = [array for layer in self._layers for array in (layer.kernel, layer.bias)]
        return [array for array in arrays if array is not None]

    def predict(self, inputs: Floats) -> Floats:
        """Features (N, D) to logits (N, K)."""
        for layer in self._layers:
            inputs = layer.activation.apply(_affine(layer, inputs))
        return self._completed(inputs)

    def _completed(self, logits: Floats) -> Floats:
        return np.pad(logits, ((0, 0), (1, 0))) if self._one_logit else logits

    def forward(self, inputs: Floats, rng: np.random.Generator) -> tuple[Floats, list[_Seen]]:
        """As `predict`, with dropout, and with what `backward` needs."""
        seen = []
        for layer in self._layers:
            mask = None
            if layer.keep < 1.0:
                drawn = rng.random(inputs.shape, dtype=np.float32) < layer.keep
                mask = drawn * np.float32(1.0 / layer.keep)
                inputs = inputs * mask
            before = _affine(layer, inputs)
            out = layer.activation.apply(before)
            seen.append(_Seen(inputs, mask, before, out))
            inputs = out
        return self._completed(inputs), seen

    def backward(self, seen: list[_Seen], slope: Floats) -> None:
        """Fill `gradient`.

        Args:
            seen: What `forward` returned.
            slope: Derivative of the loss by the logits, (N, K).
        """
        if self._one_logit:
            slope = slope[:, 1:]
        for place in range(len(self._layers) - 1, -1, -1):
            layer, here = self._layers[place], seen[place]
            if layer.activation is not ACTIVATIONS["linear"]:
                slope = slope * layer.activation.slope(here.before, here.out)
            np.matmul(here.inputs.T, slope, out=layer.kernel_gradient)
            if layer.bias_gradient is not None:
                np.sum(slope, axis=0, out=layer.bias_gradient)
            if place:
                slope = slope @ layer.kernel.T
                slope = slope if here.mask is None else slope * here.mask


def _affine(layer: Layer, inputs: Floats) -> Floats:
    out: Floats = inputs @ layer.kernel
    if layer.bias is not None:
        out += layer.bias
    return out


def read_stack(model: keras.Model) -> Stack | None:
    """Read a Keras model as a stack of dense layers; None if it is anything else.

    Args:
        model: Features (N, D) to logits (N, K): Dense and Dropout layers, one after the other, and
            perhaps what `complete_logits` appends.
    """
    chain = _chain(model)
    if chain is None:
        return None
    one_logit = bool(chain) and chain[-1].name == COMPLETION
    if one_logit:
        chain = chain[:-3]
    steps: list[tuple[Floats, Floats | None, str, float]] = []
    keep = 1.0
    for layer in chain:
        if type(layer) is keras.layers.Dropout and layer.noise_shape is None and keep == 1.0:
            keep = 1.0 - float(layer.rate)
        elif type(layer) is keras.layers.Dense and _is_plain(layer):
            kernel, *bias = (np.asarray(value, np.float32) for value in layer.get_weights())
            steps.append((kernel, bias[0] if bias else None, layer.activation.__name__, keep))
            keep = 1.0
        else:
            return None
    return Stack(steps, one_logit=one_logit) if steps and keep == 1.0 else None


def _is_plain(layer: Any) -> bool:
    extras = (
        layer.kernel_regularizer,
        layer.bias_regularizer,
        layer.activity_regularizer,
        layer.kernel_constraint,
        layer.bias_constraint,
        layer.lora_rank,
        layer.quantization_mode,
    )
    name = getattr(layer.activation, "__name__", "")
    known = getattr(keras.activations, name, None) is layer.activation and name in ACTIVATIONS
    single = layer.dtype_policy.compute_dtype == "float32"
    return known and single and layer.trainable and not any(extra is not None for extra in extras)


def _chain(model: keras.Model) -> list[Any] | None:
    """The layers of a model in which each feeds the next one only; None for any other model."""
    if not is_plain_graph(model):
        return None
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.inputs[0].shape) != 2:
        return None
    layers = [one for one in model.layers if not isinstance(one, keras.layers.InputLayer)]
    tensor = model.inputs[0]
    for layer in layers:
        nodes = layer._inbound_nodes
        inside = [node for node in nodes if node.arguments.keras_tensors == [tensor]]
        if len(inside) != 1 or len(inside[0].outputs) != 1:
            return None
        tensor = inside[0].outputs[0]
    return layers if tensor is model.outputs[0] else None
