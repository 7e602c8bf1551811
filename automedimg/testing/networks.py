"""What the checks of backbones and heads share: run a Keras model, save it and load it again."""

from __future__ import annotations

import tempfile
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from automedimg.testing.subject import S, Subject, expect
from automedimg.training.backend import prepare_backend

if TYPE_CHECKING:
    import keras

Floats32 = npt.NDArray[np.float32]

TOLERANCE = 1e-4
"""Relative and absolute difference of outputs that are promised to be the same."""


class KerasSubject(Subject[S]):
    """A component that builds Keras models; a backend is chosen before it can import Keras."""

    @cached_property
    def component(self) -> Any:
        """What the spec's factory returns."""
        prepare_backend()
        factory: Any = self.spec.factory
        return factory()


def outputs(model: keras.Model, inputs: Floats32) -> npt.NDArray[Any]:
    """Return what a model gives in inference."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(model(inputs, training=False)))


def expect_model(model: Any, what: str) -> None:
    """Check that something is a Keras model."""
    import keras

    expect(isinstance(model, keras.Model), what, type(model).__name__, "a keras.Model")


def expect_finite_rows(values: npt.NDArray[Any], num_rows: int, what: str) -> None:
    """Check that an output is float32, finite, 2-D, and has one row an input."""
    expect(values.ndim == 2, what, f"the shape {values.shape}", "two axes")
    expect(len(values) == num_rows, what, f"{len(values)} rows", f"{num_rows}, one an input")
    expect(values.dtype == np.float32, what, str(values.dtype), "float32")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    expect(not bad.size, what, f"NaN or infinity in rows {bad.tolist()}", "finite values")


def expect_same(values: npt.NDArray[Any], again: npt.NDArray[Any], what: str) -> None:
    """Check that two outputs agree within `TOLERANCE`."""
    expect(values.shape == again.shape, what, f"the shape {again.shape}", str(values.shape))
    difference = float(np.max(np.abs(values - again), initial=0.0))
    same = np.allclose(values, again, rtol=TOLERANCE, atol=TOLERANCE)
    expect(same, what, f"values that differ by up to {difference:.2g}", f"at most {TOLERANCE:g}")


def expect_survives_saving(model: keras.Model, inputs: Floats32) -> None:
    """Check that a model, saved and loaded in safe mode, gives what it gave."""
    import keras

    before = outputs(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        with warnings.catch_warnings():
            # Keras 3.15's TensorFlow variables don't take NumPy 2's `copy`; not the author's fault.
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            model.save(file)
        loaded = keras.models.load_model(file, safe_mode=True, compile=False)
        expect_same(before, outputs(loaded, inputs), "the saved and loaded model")
