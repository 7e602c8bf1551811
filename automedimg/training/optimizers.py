"""What changes the weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import keras


def make_optimizer(chosen: Mapping[str, Any], steps: int = 1) -> Any:
    """Make the optimizer that a trial chose; weight decay is decoupled from the gradient.

    Args:
        chosen: ``optimizer``, ``learning_rate`` and ``weight_decay`` count, and for ``sgd``
            ``momentum`` (0.9) and ``nesterov`` (true).
        steps: Steps whose gradients are averaged to one update.
    Source: Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, ICLR.
    """
    kinds = {
        "adam": keras.optimizers.Adam,
        "sgd": partial(
            keras.optimizers.SGD,
            momentum=chosen.get("momentum", 0.9),
            nesterov=chosen.get("nesterov", True),
        ),
        "rmsprop": keras.optimizers.RMSprop,
    }
    return kinds[chosen["optimizer"]](
        learning_rate=chosen["learning_rate"],
        weight_decay=chosen["weight_decay"],
        gradient_accumulation_steps=steps if steps > 1 else None,
    )
