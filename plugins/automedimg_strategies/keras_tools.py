"""Import KerasTuner and AutoKeras: late, because they bring Keras with them, and without a word."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any


@cache
def keras_tuner() -> Any:
    """The module `keras_tuner`."""
    with _silence():
        return import_module("keras_tuner")


@cache
def greedy_oracle() -> Any:
    """AutoKeras's class `GreedyOracle`."""
    keras_tuner()
    with _silence():
        return import_module("autokeras.tuners.greedy").GreedyOracle


@contextmanager
def _silence() -> Iterator[None]:
    """Keep away what TensorFlow prints on import; it ignores Python's standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
