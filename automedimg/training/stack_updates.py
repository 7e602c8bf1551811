"""Keras's optimizers on one vector of parameters, in plain NumPy.

The vector is worked on in blocks that stay in the processor's cache: that is faster than several
passes through all of it. Each class does what Keras's `update_step` of the same name documents.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from automedimg.training.stack import Floats

BLOCK = 32768
"""Parameters that are worked on at once: 128 KiB."""


class Update(ABC):
    """Changes parameters by their gradient.

    Args:
        optimizer: Keras's, whose constants are taken.
        size: Number of parameters.
    Attributes:
        learning_rate: May be set between updates.
        iterations: Updates so far.
        slots: What it remembers of each parameter, float32 (P,) each.
    """

    num_slots = 1

    def __init__(self, optimizer: Any, size: int) -> None:
        self.learning_rate = float(optimizer.learning_rate)
        self.iterations = 0
        self.slots = [np.zeros(size, np.float32) for _ in range(self.num_slots)]
        self._decay = float(optimizer.weight_decay or 0.0)
        self._scratch = np.empty((2, min(size, BLOCK)), np.float32)

    def apply(self, parameters: Floats, gradient: Floats) -> None:
        """Make one update, in place.

        The decay of the weights comes first, decoupled from the gradient, as Keras does it.
        """
        self.iterations += 1
        rate = self.learning_rate
        for place in self._blocks(len(parameters)):
            values, slope = parameters[place], gradient[place]
            if self._decay:
                values *= np.float32(1.0 - self._decay * rate)
            scratch = self._scratch[:, : len(values)]
            self._step(values, slope, [slot[place] for slot in self.slots], scratch)

    @abstractmethod
    def _step(self, values: Floats, slope: Floats, slots: list[Floats], scratch: Floats) -> None:
        """Update one block."""

    def _blocks(self, size: int) -> Iterator[slice]:
        for start in range(0, size, BLOCK):
            yield slice(start, min(start + BLOCK, size))


class Adam(Update):
    """Source: Kingma & Ba (2015), Adam, ICLR, algorithm 1 in the form of section 2's end."""

    num_slots = 2

    def __init__(self, optimizer: Any, size: int) -> None:
        super().__init__(optimizer, size)
        self._betas = float(optimizer.beta_1), float(optimizer.beta_2)
        self._epsilon = np.float32(optimizer.epsilon)

    def _step(self, values: Floats, slope: Floats, slots: list[Floats], scratch: Floats) -> None:
        first, second = self._betas
        mean, square = slots
        part, root = scratch
        np.subtract(slope, mean, out=part)
        part *= np.float32(1.0 - first)
        mean += part
        np.multiply(slope, slope, out=part)
        part -= square
        part *= np.float32(1.0 - second)
        square += part
        np.sqrt(square, out=root)
        root += self._epsilon
        np.divide(mean, root, out=part)
        correction = np.sqrt(1.0 - second**self.iterations) / (1.0 - first**self.iterations)
        part *= np.float32(self.learning_rate * correction)
        values -= part


class Momentum(Update):
    """Stochastic gradient descent with momentum, Nesterov's or the plain one; it may be 0.

    Source: Sutskever et al. (2013), On the importance of initialization and momentum, ICML.
    """

    def __init__(self, optimizer: Any, size: int) -> None:
        super().__init__(optimizer, size)
        self._momentum, self._nesterov = np.float32(optimizer.momentum), optimizer.nesterov

    def _step(self, values: Floats, slope: Floats, slots: list[Floats], scratch: Floats) -> None:
        (speed,) = slots
        step = scratch[0]
        np.multiply(slope, np.float32(self.learning_rate), out=step)
        speed *= self._momentum
        speed -= step
        if self._nesterov:
            values += self._momentum * speed
            values -= step
        else:
            values += speed


class RmsProp(Update):
    """Source: Hinton (2012), Neural Networks for Machine Learning, lecture 6e."""

    def __init__(self, optimizer: Any, size: int) -> None:
        super().__init__(optimizer, size)
        self._rho, self._epsilon = float(optimizer.rho), np.float32(optimizer.epsilon)

    def _step(self, values: Floats, slope: Floats, slots: list[Floats], scratch: Floats) -> None:
        (square,) = slots
        part, root = scratch
        np.multiply(slope, slope, out=part)
        part *= np.float32(1.0 - self._rho)
        square *= np.float32(self._rho)
        square += part
        np.add(square, self._epsilon, out=root)
        np.sqrt(root, out=root)
        np.multiply(slope, np.float32(self.learning_rate), out=part)
        part /= root
        values -= part


def make_update(optimizer: Any, size: int) -> Update | None:
    """Make the update that does what a Keras optimizer does; None if there is none.

    Args:
        optimizer: Of Keras, not built yet.
        size: Number of parameters.
    """
    simple = optimizer.clipnorm is None and optimizer.clipvalue is None
    simple = simple and optimizer.global_clipnorm is None and not optimizer.use_ema
    kinds = {
        keras.optimizers.Adam: (Adam, not getattr(optimizer, "amsgrad", False)),
        keras.optimizers.SGD: (Momentum, True),
        keras.optimizers.RMSprop: (
            RmsProp,
            not getattr(optimizer, "centered", False) and not getattr(optimizer, "momentum", 0),
        ),
    }
    kind, plain = kinds.get(type(optimizer), (Adam, False))
    return kind(optimizer, size) if simple and plain else None
