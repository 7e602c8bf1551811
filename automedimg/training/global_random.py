"""The state of the generators that belong to no layer, as named arrays.

On PyTorch, Keras's dropout draws from PyTorch's own generators. On TensorFlow and JAX all that
Keras's layers draw comes from `SeedGenerator`s, whose states are variables of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automedimg.training.checkpoint import Arrays

KIND, CPU = "random/", "cpu"


def take_random() -> Arrays:
    """Return the states: uint8 (S,) each, of the CPU's generator and each GPU's; none elsewhere."""
    if keras.backend.backend() != "torch":
        return {}
    import torch

    states = {CPU: torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {str(n): state for n, state in enumerate(torch.cuda.get_rng_state_all())}
    return {f"{KIND}{place}": np.asarray(state.cpu()) for place, state in states.items()}


def only_random(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Return the states among other arrays."""
    return {name: array for name, array in arrays.items() if name.startswith(KIND)}


def put_random(states: Mapping[str, npt.NDArray[Any]]) -> None:
    """Put back what `take_random` returned; what isn't among it stays as it is."""
    if not states:
        return
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for name, state in states.items():
        place, bits = name.removeprefix(KIND), torch.from_numpy(np.array(state))
        if place == CPU:
            torch.set_rng_state(bits)
        # On fewer GPUs than before, a trial goes on all the same, with other draws.
        elif int(place) < gpus:
            torch.cuda.set_rng_state(bits, int(place))
