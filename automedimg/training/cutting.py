"""Cut a network in two where all that lies below is frozen.

What is below the cut is the same for an image in every epoch; it need be computed only once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from automedimg.training.walking import calls_in_order

WORTH = 0.2
"""Share of a network's layers with weights that must lie below a cut to be worth a file."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A network in two parts, which share its layers and their weights.

    Args:
        lower: Images (N, H, W, C) in [0, 255] to the activations at the cut (N, ...).
        upper: These to features (N, D).
        place: How many calls of layers are below.
        calls: How many there are.
    """

    lower: keras.Model
    upper: keras.Model
    place: int
    calls: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the activations of one image."""
        return tuple(int(side) for side in self.lower.output_shape[1:])


def find_cut(model: keras.Model) -> Cut | None:
    """Cut a network as high as possible: nothing below changes, and one tensor goes through.

    Args:
        model: Functional, with one input and one output; models within it are looked into. What is
            trainable is set already.
    Returns:
        None where there is no such place, too little is below, or the graph is of another kind.
        Dropout changes, too.
    """
    calls = _calls_of(model)
    if calls is None:
        return None
    place = _highest(calls)
    weighted = [bool(getattr(call.layer, "weights", None)) for call in calls]
    if place is None or sum(weighted[:place]) < max(1, WORTH * sum(weighted)):
        return None
    image = keras.Input(model.input_shape[1:], name="image")
    middle = _run(calls[:place], calls[0].sources[0], image, calls[place - 1].target)
    activations = keras.Input(middle.shape[1:], name="activations")
    features = _run(calls[place:], calls[place - 1].target, activations, calls[-1].target)
    return Cut(keras.Model(image, middle), keras.Model(activations, features), place, len(calls))


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a layer; tensors are numbers, the same for a model within and around it.

    Args:
        layer: What is called.
        node: Keras's record of it.
        sources: The tensors that it takes.
        target: The tensor that it gives.
    """

    layer: Any
    node: Any
    sources: Sequence[int]
    target: int


def _calls_of(model: keras.Model) -> list[_Call] | None:
    """All calls in an order in which they can be made; None for graphs that aren't understood."""
    same: dict[int, int] = {}
    calls: list[_Call] = []
    if not _collect(model, same, calls):
        return None
    # A shared layer called twice is fine; a tensor that two calls give would not be.
    targets = {call.target for call in calls}
    outside = {source for call in calls for source in call.sources} - targets
    return calls if len(targets) == len(calls) and len(outside) == 1 else None


def _collect(model: keras.Model, same: dict[int, int], calls: list[_Call]) -> bool:
    """Append a model's calls; `same` leads from a tensor to the one that it stands for."""
    if not getattr(model, "inputs", None) or len(model.inputs) != 1 or len(model.outputs) != 1:
        return False
    for layer, node, tensor in calls_in_order(model):
        if not node.input_tensors or len(node.output_tensors) != 1:
            return False
        sources = [_origin(id(source), same) for source in node.input_tensors]
        if isinstance(layer, keras.Model):
            inside = getattr(layer, "inputs", None) or [None]
            if id(inside[0]) in same or len(sources) != 1:
                return False  # called twice
            same[id(inside[0])] = sources[0]
            if not _collect(layer, same, calls):
                return False
            same[id(tensor)] = _origin(id(layer.outputs[0]), same)
        else:
            calls.append(_Call(layer, node, sources, id(tensor)))
    return True


def _origin(tensor: int, same: dict[int, int]) -> int:
    while tensor in same:
        tensor = same[tensor]
    return tensor


def _highest(calls: Sequence[_Call]) -> int | None:
    """How many calls lie below the highest cut; None if there is no cut."""
    last_use = {source: number for number, call in enumerate(calls) for source in call.sources}
    best, alive = None, set[int]()
    for number, call in enumerate(calls[:-1]):
        if _changes(call.layer):
            break
        alive = {one for one in (*alive, call.target) if last_use.get(one, -1) > number}
        through = {calls[0].sources[0]} if last_use[calls[0].sources[0]] > number else set()
        if alive | through == {call.target}:
            best = number + 1
    return best


def _changes(layer: Any) -> bool:
    """Whether training changes what a layer gives for an image: its weights, or by chance.

    Keras passes ``training`` on to nested models even where they were called with another one.
    """
    norm = isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    drawn = any(isinstance(value, keras.random.SeedGenerator) for value in vars(layer).values())
    return bool(getattr(layer, "trainable_weights", None)) or norm or drawn


def _run(calls: Iterable[_Call], begin: int, tensor: Any, end: int) -> Any:
    """Make calls anew, on other tensors."""
    values = {begin: tensor}
    for call in calls:
        given = {
            id(tensor): values[source]
            for tensor, source in zip(call.node.input_tensors, call.sources, strict=True)
        }
        args, kwargs = call.node.arguments.fill_in(given)
        values[call.target] = call.layer(*args, **kwargs)
    return values[end]
