"""Choose a Keras backend before Keras is imported, and quieten it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from automedimg.errors import BackendError

BACKENDS = ("tensorflow", "jax", "torch")


def choose_backend() -> str:
    """Return the backend that Keras will use: ``$KERAS_BACKEND``, else the first one installed.

    TensorFlow comes first because it runs convolutions fastest on a CPU.

    Raises:
        BackendError: none is installed, or the one asked for isn't.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked and asked not in BACKENDS:
        raise BackendError(
            f"unknown Keras backend `{asked}` in $KERAS_BACKEND; expected one of "
            + ", ".join(BACKENDS)
        )
    for name in [asked] if asked else BACKENDS:
        if importlib.util.find_spec(name) is not None:
            return name
    raise BackendError(
        f"the Keras backend `{asked}` is not installed"
        if asked
        else "no Keras backend is installed; one of TensorFlow, JAX and PyTorch is needed",
        f"`pip install 'automedimg[{asked or 'tensorflow-cpu'}]'`",
    )


def prepare_backend() -> str:
    """Set the environment that Keras and its backend read on import; return the backend."""
    backend = choose_backend()
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # TensorFlow would otherwise take a whole GPU at once, also one that others use.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return backend


def load_keras() -> Any:
    """Import Keras on the chosen backend, without the lines that TensorFlow prints on import.

    Returns:
        The module `keras`.
    Raises:
        BackendError: no backend is installed, or it can't be imported.
    """
    backend = prepare_backend()
    with tempfile.TemporaryFile() as chatter:
        try:
            with _stderr_to(chatter.fileno()):
                keras = importlib.import_module("keras")
                importlib.import_module(backend)
        except ImportError as error:
            chatter.seek(0)
            said = chatter.read().decode(errors="replace").strip()[-500:]
            raise BackendError(
                f"the Keras backend `{backend}` can't be imported: {error}", said or None
            ) from error
    return keras


@contextmanager
def _stderr_to(descriptor: int) -> Iterator[None]:
    """Redirect the process's standard error, C++ code's included: it ignores Python's."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def make_deterministic(seed: int) -> None:
    """Seed Python, NumPy and the backend; on a GPU, ask TensorFlow for repeatable operations.

    On a CPU its operations repeat to the bit as they are, and with the request half of the epochs
    took twice as long: measured on MobileNetV2 with TensorFlow 2.21.
    """
    import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        if tensorflow.config.list_physical_devices("GPU"):
            tensorflow.config.experimental.enable_op_determinism()
