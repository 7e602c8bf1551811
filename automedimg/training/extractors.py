"""The engines that can apply a frozen backbone: Keras, and ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol, TypeAlias

import keras
import numpy as np
import numpy.typing as npt

from automedimg.executing import num_cores

SLICE = 8
"""Images that ONNX Runtime sees at once.

With 64, the maps of a MobileNetV2 at 224 px took 1 GB instead of 0.2, and a fifth more time.
"""

Batch: TypeAlias = npt.NDArray[np.float32]


class Extractor(Protocol):
    """Applies a backbone to batches of images.

    Args:
        engine: Its name and version, for the record.
    """

    engine: str

    def __call__(self, images: Batch) -> Batch:
        """Features float32 (B, D) of images float32 (B, H, W, C) in [0, 255]."""


class KerasExtractor:
    """Keras, on whatever its backend runs on.

    Args:
        model: Images (B, H, W, C) to features (B, D).
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self.engine = f"keras {keras.__version__} ({keras.backend.backend()})"

    def __call__(self, images: Batch) -> Batch:
        """Apply the model."""
        return np.asarray(self._model.predict_on_batch(images), dtype=np.float32)


class OnnxExtractor:
    """ONNX Runtime on the CPU, on as many threads as this process may use.

    Args:
        model: Images (B, H, W, C) to features (B, D); it isn't needed afterwards.
    Raises:
        UnknownLayerError: it can't be converted.
    """

    def __init__(self, model: keras.Model) -> None:
        import onnxruntime

        from automedimg.training.onnx_graph import convert

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads()
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3  # errors
        # Threads that wait by spinning take cores from other workers.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(convert(model), options, providers=providers)
        self.engine = f"onnxruntime {onnxruntime.__version__}"

    def __call__(self, images: Batch) -> Batch:
        """Apply the graph."""
        parts = [images[start : start + SLICE] for start in range(0, len(images), SLICE)]
        return np.concatenate([self._session.run(None, {"images": part})[0] for part in parts])


class FallingBack:
    """An extractor that hands over to another one for good when it fails.

    Args:
        first: Used until it raises.
        second: Used from that batch on.
        say: Told why, in one line.
    """

    def __init__(self, first: Extractor, second: Extractor, say: Callable[[str], None]) -> None:
        self._used, self._second, self._say = first, second, say
        self.engine = first.engine

    def __call__(self, images: Batch) -> Batch:
        """Apply the one, or the other."""
        if self._used is not self._second:
            try:
                return self._used(images)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other may do
                self._say(
                    f"features by {self._second.engine} from here on: "
                    f"{self.engine} failed: {one_line(error)}"
                )
            self.engine = f"{self.engine}, then {self._second.engine}"
            self._used = self._second
        return self._second(images)


def num_threads() -> int:
    """This process's share of the cores: ``$OMP_NUM_THREADS``, which CPU workers get, else all."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return num_cores()


def one_line(error: Exception) -> str:
    """Kind and message of an error, cut to a line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
