"""In which precision a network is trained, and whether it is compiled by XLA.

On a GPU with tensor cores, networks that are trained through compute in half precision, with
float32 weights, heads, losses and updates. What scores their epochs, and is saved, is the same
network in float32: one that anybody can use on a CPU. Frozen features are float32 everywhere.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from automedimg.contracts import TrainMode
from automedimg.errors import ConfigurationError

VARIABLE = "AUTOMEDIMG_PRECISION"
"""Environment variable: one of `POLICIES`; without it, or with `auto`, the GPU decides."""

FULL = "float32"

POLICIES = (FULL, "mixed_bfloat16", "mixed_float16")
"""Keras's dtype policies."""

Capability = tuple[int, int]

TENSOR_CORES: Capability = (7, 0)
"""Compute capability from which GPUs of NVIDIA multiply float16 matrices in hardware."""

BFLOAT16: Capability = (8, 0)
"""That from which they take bfloat16, which has the range of float32: no gradient vanishes."""


def asked_precision() -> str:
    """What `VARIABLE` says: one of `POLICIES`, or ``auto``.

    Raises:
        ConfigurationError: it says something else.
    """
    asked = os.environ.get(VARIABLE, "").strip().lower() or "auto"
    if asked not in ("auto", *POLICIES):
        raise ConfigurationError(
            f"unknown precision `{asked}` in ${VARIABLE}; expected auto, " + ", ".join(POLICIES)
        )
    return asked


def training_policy(train: TrainMode) -> str:
    """The dtype policy in which a network is trained here.

    Args:
        train: How.
    Returns:
        One of `POLICIES`; ``float32`` on CPUs, on GPUs that are not known to gain by less, and
        where only a head is trained.
    Raises:
        ConfigurationError: `VARIABLE` says something unknown.
    Source: Micikevicius et al. (2018), Mixed Precision Training, ICLR.
    """
    asked = asked_precision()
    if train == "frozen":
        return FULL
    if asked != "auto":
        return asked
    capability = compute_capability(_backend())
    if capability is None or capability < TENSOR_CORES:
        return FULL
    return "mixed_bfloat16" if capability >= BFLOAT16 else "mixed_float16"


def jit_compile(backend: str) -> bool | Literal["auto"]:
    """Whether Keras compiles a network's steps by XLA.

    On a CPU it never pays: compiling takes longer than it saves. On a GPU Keras decides; it leaves
    XLA out where a layer forbids it, and with TensorFlow while operations are to be repeatable.

    Args:
        backend: Keras's.
    """
    return "auto" if backend in ("tensorflow", "jax") and has_gpu(backend) else False


def has_gpu(backend: str) -> bool:
    """Whether a backend computes on a GPU here."""
    module: Any = importlib.import_module(backend)
    if backend == "tensorflow":
        return bool(module.config.list_physical_devices("GPU"))
    if backend == "jax":
        return any(device.platform == "gpu" for device in module.devices())
    return bool(module.cuda.is_available())


def compute_capability(backend: str) -> Capability | None:
    """The least compute capability of the GPUs that a backend sees; None without one of NVIDIA's.

    Args:
        backend: Keras's.
    """
    if not has_gpu(backend):
        return None
    found = list(_capabilities(backend, importlib.import_module(backend)))
    known = [capability for capability in found if capability is not None]
    return min(known) if known and len(known) == len(found) else None


def _capabilities(backend: str, module: Any) -> Iterator[Capability | None]:
    if backend == "tensorflow":
        for device in module.config.list_physical_devices("GPU"):
            details = module.config.experimental.get_device_details(device)
            yield _pair(details.get("compute_capability"))
    elif backend == "jax":
        for device in module.devices():
            if device.platform == "gpu":
                yield _pair(getattr(device, "compute_capability", None))
    elif getattr(module.version, "hip", None):
        yield None  # AMD's numbers look like NVIDIA's, and mean something else
    else:
        for index in range(module.cuda.device_count()):
            yield _pair(module.cuda.get_device_capability(index))


def _pair(value: object) -> Capability | None:
    """A capability from a pair of numbers or from text such as ``9.0``; None from anything else."""
    parts = value.split(".") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        return None
    try:
        return int(parts[0]), int(parts[1])
    except ValueError:
        return None


@contextmanager
def building_in(policy: str) -> Iterator[None]:
    """Make the layers that are built inside in a dtype policy.

    Args:
        policy: One of `POLICIES`.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _backend() -> str:
    import keras

    return str(keras.backend.backend())
