"""What training changes in a model, as named arrays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automedimg.training.checkpoint import Arrays


class ModelState:
    """A compiled model's variables and its optimizer's, taken out and put back.

    The variables include those of batch normalisation and the states of the random generators
    of dropout and augmentation. One that isn't trained, and still is what it was when this object
    was made, is left out: what is put back is put into a model that was built the same way. So
    frozen layers cost nothing but a hash.

    Layers that draw from Keras's global generator, instead of a `SeedGenerator` of their own, have
    a state that no model knows of; they draw other numbers after a checkpoint.

    Args:
        model: Compiled, not yet trained.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        trained = {id(variable) for variable in model.trainable_variables}
        self._at_first: dict[str, str] = {
            f"model/{index}": _digest(_value(variable))
            for index, variable in enumerate(model.variables)
            if id(variable) not in trained
        }

    def identity(self) -> list[list[Any]]:
        """Kind of each variable, and the hash of those that may be left out: plain JSON types.

        Layers' names are no part of it: Keras numbers them by what else the process has built.
        """
        return [
            [
                re.sub(r"_\d+$", "", variable.name),
                list(variable.shape),
                str(variable.dtype),
                self._at_first.get(f"model/{index}"),
            ]
            for index, variable in enumerate(self._model.variables)
        ]

    def take(self, best: Sequence[npt.NDArray[Any]]) -> Arrays:
        """Return what has changed.

        Args:
            best: The weights of the best epoch; those that equal the present ones are left out.
        """
        taken: Arrays = {}
        for name, variable in self._named():
            value = _value(variable)
            if name not in self._at_first or self._at_first[name] != _digest(value):
                taken[name] = value
        for index, (variable, weight) in enumerate(zip(self._model.weights, best, strict=True)):
            if not np.array_equal(_bytes(weight), _bytes(_value(variable))):
                taken[f"best/{index}"] = weight
        return taken

    def put(self, arrays: Arrays) -> list[npt.NDArray[Any]]:
        """Put back what `take` returned; the learning rate stays the one that was chosen.

        Returns:
            The weights of the best epoch.
        Raises:
            ValueError: an array is missing, or not as its variable; nothing was changed then.
        """
        optimizer = self._model.optimizer
        if not optimizer.built:
            optimizer.build(self._model.trainable_variables)
        self._check(arrays)
        rate = float(optimizer.learning_rate)
        for name, variable in self._named():
            if name in arrays:
                variable.assign(arrays[name])
        optimizer.learning_rate = rate
        weights = self._model.get_weights()
        return [arrays.get(f"best/{index}", weight) for index, weight in enumerate(weights)]

    def _named(self) -> Iterator[tuple[str, Any]]:
        """Yield the variables of model and optimizer with the names of their arrays."""
        for kind, owner in (("model", self._model), ("optimizer", self._model.optimizer)):
            for index, variable in enumerate(owner.variables):
                yield f"{kind}/{index}", variable

    def _check(self, arrays: Arrays) -> None:
        weights = ((f"best/{index}", weight) for index, weight in enumerate(self._model.weights))
        for name, variable in chain(self._named(), weights):
            found = arrays.get(name)
            if found is None:
                if name not in self._at_first and not name.startswith("best/"):
                    raise ValueError(f"it has no {name}")
                continue
            expected = _value(variable)
            if (found.shape, found.dtype) != (expected.shape, expected.dtype):
                raise ValueError(f"its {name} is {found.dtype} {found.shape}")


def _value(variable: Any) -> npt.NDArray[Any]:
    if not isinstance(variable, keras.Variable):
        return np.asarray(variable)  # of a `LeanHead`
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _bytes(value: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The bits of an array; unlike its numbers, they tell 0 from -0 and a NaN equals itself."""
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8)


def _digest(value: npt.NDArray[Any]) -> str:
    return hashlib.sha256(_bytes(value).data).hexdigest()
