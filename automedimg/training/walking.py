"""A network's calls of its layers, in an order in which they can be computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras


def calls_in_order(model: keras.Model) -> Iterator[tuple[Any, Any, Any]]:
    """Yield what stands between a model's inputs and its first output, inputs before users.

    Args:
        model: A functional model; models within it count as layers.
    Yields:
        The layer, its node (which knows the call's input tensors), and the tensor it gives.
    """
    done = {id(tensor) for tensor in model.inputs}
    waiting = [model.outputs[0]]  # no recursion: some networks are deeper than Python allows
    while waiting:
        tensor = waiting[-1]
        if id(tensor) in done:
            waiting.pop()
            continue
        layer, index, _ = tensor._keras_history
        node = layer._inbound_nodes[index]
        missing = [source for source in node.input_tensors if id(source) not in done]
        if missing:
            waiting += missing
            continue
        yield layer, node, tensor
        done.add(id(tensor))
