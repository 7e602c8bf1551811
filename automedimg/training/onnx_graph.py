"""A Keras model as an ONNX graph, written layer by layer with the layers' own weights.

Keras's `model.export` needs a converter of its own for each backend, takes 3 to 25 s for the
networks of `keras.applications`, and 0.4 to 2.7 GB of memory that it doesn't give back (tf2onnx
1.17, Keras 3.15, TensorFlow 2.21). This takes 0.1 to 1 s, knows the layers of the usual
convolutional networks, and refuses all others.

Keras keeps channels last, ONNX first: a map is (N, C, H, W) everywhere inside the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from automedimg.training.walking import calls_in_order

OPSET, IR_VERSION = 17, 8
"""Versions of ONNX and of its file format; ONNX Runtime reads them since 1.13 (2022)."""


class UnknownLayerError(ValueError):
    """A layer, or a setting of one, that has no counterpart here."""


def convert(model: keras.Model) -> bytes:
    """Write a model as ONNX, with one input, `images`, and one output, `features`.

    Args:
        model: Functional or sequential; images (N, H, W, C) to features (N, D).
    Returns:
        The serialized ONNX model; N stays open.
    Raises:
        UnknownLayerError: it can't be written.
    """
    import onnx

    graph = Graph()
    output = _write_model(graph, model, [graph.add("Transpose", "images", perm=[0, 3, 1, 2])])
    graph.nodes.append(onnx.helper.make_node("Identity", [output], ["features"]))
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *shape[1:]])
        for name, shape in (("images", model.input_shape), ("features", model.output_shape))
    ]
    whole = onnx.helper.make_graph(graph.nodes, "model", ends[:1], ends[1:], graph.constants)
    opset = onnx.helper.make_opsetid("", OPSET)
    made = onnx.helper.make_model(whole, opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(made.SerializeToString())


class _Call(NamedTuple):
    """A layer, and the shape of its first input with channels last; None where it is open."""

    layer: Any
    shape: Sequence[int | None]


class Graph:
    """Collects nodes and constants under names that it makes up."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; return the name of its one output."""
        import onnx

        name = f"t{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Append a constant; return its name."""
        import onnx

        name = f"c{len(self.constants)}"
        array = np.ascontiguousarray(values, dtype=dtype)
        self.constants.append(onnx.numpy_helper.from_array(array, name))
        return name


def _write_model(graph: Graph, model: keras.Model, inputs: Sequence[str]) -> str:
    """Write what stands between a model's inputs and its output; return the output's name."""
    if not getattr(model, "inputs", None) or len(model.outputs) != 1:
        raise UnknownLayerError(f"`{model.name}` is not a graph of layers with one output")
    names = {id(tensor): name for tensor, name in zip(model.inputs, inputs, strict=True)}
    for layer, node, tensor in calls_in_order(model):
        _check_call(layer, node)
        sources = [names[id(source)] for source in node.input_tensors]
        if isinstance(layer, keras.Model):
            names[id(tensor)] = _write_model(graph, layer, sources)
        else:
            call = _Call(layer, node.input_tensors[0].shape)
            names[id(tensor)] = _write_layer(graph, call, sources)
    return names[id(model.outputs[0])]


def _check_call(layer: Any, node: Any) -> None:
    if not node.input_tensors or len(node.output_tensors) != 1:
        raise UnknownLayerError(f"`{layer.name}` has no input, or several outputs")
    said = {name for name, value in node.arguments.kwargs.items() if value not in (None, False)}
    if said:
        raise UnknownLayerError(f"`{layer.name}` is called with {', '.join(sorted(said))}")


def _write_layer(graph: Graph, call: _Call, inputs: Sequence[str]) -> str:
    layer = call.layer
    write = _WRITERS.get(type(layer))  # exactly: a subclass may compute something else
    if write is None:
        raise UnknownLayerError(f"no ONNX is known for layers `{type(layer).__name__}`")
    if layer.compute_dtype != "float32":
        raise UnknownLayerError(f"`{layer.name}` computes in {layer.compute_dtype}")
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise UnknownLayerError(f"`{layer.name}` takes channels first")
    output = write(graph, call, *inputs)
    function = getattr(layer, "activation", None)
    return output if function is None else _activate(graph, function, output)


def _activate(graph: Graph, function: Any, name: str) -> str:
    known = keras.activations
    if function is known.linear:
        return name
    if function is known.relu6:
        return graph.add("Clip", name, graph.constant(0.0), graph.constant(6.0))
    if function is known.silu:
        return graph.add("Mul", name, graph.add("Sigmoid", name))
    for other, operator in (("relu", "Relu"), ("sigmoid", "Sigmoid"), ("tanh", "Tanh")):
        if function is getattr(known, other):
            return graph.add(operator, name)
    raise UnknownLayerError(f"no ONNX is known for the activation `{function}`")


def _values(weight: Any) -> Any:
    return keras.ops.convert_to_numpy(weight)


def _identity(graph: Graph, call: _Call, name: str) -> str:
    del graph, call
    return name


def _rescaling(graph: Graph, call: _Call, name: str) -> str:
    layer = call.layer
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        raise UnknownLayerError(f"`{layer.name}` scales channels differently")
    scaled = graph.add("Mul", name, graph.constant(layer.scale))
    return graph.add("Add", scaled, graph.constant(layer.offset))


def _convolution(graph: Graph, call: _Call, name: str) -> str:
    layer = call.layer
    kernel = _values(layer.kernel)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    groups = kernel.shape[2] if depthwise else layer.groups
    if depthwise:  # (h, w, in, multiplier) to (h, w, 1, in * multiplier)
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    weights = [graph.constant(kernel.transpose(3, 2, 0, 1))]
    if layer.use_bias:
        weights.append(graph.constant(_values(layer.bias)))
    dilations = list(layer.dilation_rate)
    window = _window(call, kernel.shape[:2], dilations)
    return graph.add("Conv", name, *weights, group=groups, dilations=dilations, **window)


def _window(
    call: _Call, size: Sequence[int], dilations: Sequence[int] = (1, 1)
) -> dict[str, list[int]]:
    """The attributes that convolution and pooling share.

    The padding is written out: ONNX Runtime refuses `SAME_UPPER` with dilations.
    """
    layer, before, after = call.layer, [0, 0], [0, 0]
    if layer.padding == "same":
        for axis, length in enumerate(call.shape[1:3]):
            if length is None:
                raise UnknownLayerError(f"`{layer.name}` takes images of any size")
            stride = layer.strides[axis]
            covered = (-(-length // stride) - 1) * stride + (size[axis] - 1) * dilations[axis] + 1
            missing = max(0, covered - length)
            before[axis], after[axis] = missing // 2, missing - missing // 2
    elif layer.padding != "valid":
        raise UnknownLayerError(f"`{layer.name}` pads by `{layer.padding}`")
    return {"kernel_shape": list(size), "strides": list(layer.strides), "pads": before + after}


def _max_pooling(graph: Graph, call: _Call, name: str) -> str:
    return graph.add("MaxPool", name, **_window(call, call.layer.pool_size))


def _average_pooling(graph: Graph, call: _Call, name: str) -> str:
    return graph.add("AveragePool", name, **_window(call, call.layer.pool_size))


def _global_average(graph: Graph, call: _Call, name: str) -> str:
    average = graph.add("GlobalAveragePool", name)
    return average if call.layer.keepdims else graph.add("Flatten", average)


def _normalization(graph: Graph, call: _Call, name: str) -> str:
    layer = call.layer
    if layer.axis not in (-1, len(call.shape) - 1):
        raise UnknownLayerError(f"`{layer.name}` normalizes axis {layer.axis}")
    gamma = _values(layer.gamma) if layer.scale else np.ones(layer.moving_mean.shape[0])
    beta = _values(layer.beta) if layer.center else np.zeros(layer.moving_mean.shape[0])
    parts = (gamma, beta, _values(layer.moving_mean), _values(layer.moving_variance))
    constants = [graph.constant(part) for part in parts]
    return graph.add("BatchNormalization", name, *constants, epsilon=layer.epsilon)


def _rectifier(graph: Graph, call: _Call, name: str) -> str:
    layer = call.layer
    if layer.negative_slope or layer.threshold:
        raise UnknownLayerError(f"`{layer.name}` has a slope or a threshold")
    if layer.max_value is None:
        return graph.add("Relu", name)
    return graph.add("Clip", name, graph.constant(0.0), graph.constant(layer.max_value))


def _zero_padding(graph: Graph, call: _Call, name: str) -> str:
    (top, bottom), (left, right) = call.layer.padding
    pads = graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
    return graph.add("Pad", name, pads)


def _concatenate(graph: Graph, call: _Call, *names: str) -> str:
    layer = call.layer
    if layer.axis not in (-1, len(call.shape) - 1):
        raise UnknownLayerError(f"`{layer.name}` joins along axis {layer.axis}")
    return graph.add("Concat", *names, axis=1)


def _add(graph: Graph, call: _Call, *names: str) -> str:
    del call
    return graph.add("Sum", *names)


_WRITERS: Mapping[type, Callable[..., str]] = {
    keras.layers.Activation: _identity,
    keras.layers.Add: _add,
    keras.layers.AveragePooling2D: _average_pooling,
    keras.layers.BatchNormalization: _normalization,
    keras.layers.Concatenate: _concatenate,
    keras.layers.Conv2D: _convolution,
    keras.layers.DepthwiseConv2D: _convolution,
    keras.layers.Dropout: _identity,
    keras.layers.GlobalAveragePooling2D: _global_average,
    keras.layers.MaxPooling2D: _max_pooling,
    keras.layers.ReLU: _rectifier,
    keras.layers.Rescaling: _rescaling,
    keras.layers.ZeroPadding2D: _zero_padding,
}
