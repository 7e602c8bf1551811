"""What changes the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras


def make_optimizer(chosen: Mapping[str, Any], steps: int = 1) -> Any:
    """Make the optimizer that a trial chose; weight decay is decoupled from the gradient.

    Args:
        chosen: ``optimizer``, ``learning_rate`` and ``weight_decay`` count.
        steps: Steps whose gradients are averaged to one update.
    Source: Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, ICLR.
    """
    kinds = {
        "adam": keras.optimizers.Adam,
        "sgd": lambda **rest: keras.optimizers.SGD(momentum=0.9, nesterov=True, **rest),
        "rmsprop": keras.optimizers.RMSprop,
    }
    return kinds[chosen["optimizer"]](
        learning_rate=chosen["learning_rate"],
        weight_decay=chosen["weight_decay"],
        gradient_accumulation_steps=steps if steps > 1 else None,
    )
