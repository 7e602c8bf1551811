"""Choose the engine of feature extraction by measuring it.

On a CPU, ONNX Runtime is about twice as fast as Keras on MobileNets and hardly faster on ResNets.
What it gains depends on the network, the image size and the machine, so it is tried where it is
to be used, and only if there is enough to gain.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import keras
import numpy as np

from automedimg.training.backend import _stderr_to
from automedimg.training.extractors import (
    Batch,
    Extractor,
    FallingBack,
    KerasExtractor,
    OnnxExtractor,
    one_line,
)

VARIABLE = "AUTOMEDIMG_EXTRACTION"
"""Environment variable; `keras` rules ONNX Runtime out."""

PACKAGES = ("onnx", "onnxruntime")
"""What the extra `onnx` installs."""

TOLERANCE = 1e-3
"""See `find_difference`."""

MIN_BATCHES = 10
"""With fewer, not even a measurement of Keras pays."""

SETUP_S, SETUP_S_A_WEIGHT = 0.5, 4e-8
"""What import, conversion and loading take: measured 0.2 s (MobileNet) to 1.4 s (ResNet50V2)."""

HOPED_GAIN = 0.5
"""The share of Keras's time that ONNX Runtime may save; measured up to 0.6, on MobileNets."""

LEAST_GAIN = 0.15
"""The share of Keras's time that it has to save to be chosen.

On ResNets it saves 0.05 to 0.1, which hardly pays for its trial and would make the choice chance.
"""

AHEAD = 2.5
"""What a trial costs after its first look at Keras, in times of a batch of Keras's."""

Convert: TypeAlias = Callable[[keras.Model], Extractor]


def make_extractor(
    model: keras.Model,
    sample: Batch,
    num_images: int,
    *,
    batch_size: int,
    alive: Callable[[], None] | None = None,
    say: Callable[[str], None] | None = None,
    convert: Convert = OnnxExtractor,
    clock: Callable[[], float] = time.perf_counter,
) -> Extractor:
    """Return the faster engine; Keras without a trial if there is no choice or little to gain.

    Args:
        model: Images (B, H, W, C) to features (B, D).
        sample: Images to try the engines on, float32 (B, H, W, C) with B >= 1.
        num_images: How many there are to extract features of.
        batch_size: Images that the extractor is going to be called with.
        alive: Called after each step of the trial.
        say: Told in one line what a trial came to.
        convert: Makes the engine that Keras is compared with.
        clock: Seconds; only differences count.
    """
    plain = KerasExtractor(model)
    num_batches = -(-num_images // batch_size)
    if num_batches < MIN_BATCHES or not is_possible(model):
        return plain
    say = say or _ignore
    trial = _Trial(np.resize(sample, (batch_size, *sample.shape[1:])), alive or _ignore, clock)
    expected, keras_s = trial.run(plain)
    ahead_s = SETUP_S + SETUP_S_A_WEIGHT * model.count_params() + AHEAD * keras_s
    if HOPED_GAIN * keras_s * num_batches < ahead_s:
        return plain
    try:
        with Path(os.devnull).open("wb") as nowhere, _stderr_to(nowhere.fileno()):
            other = convert(model)
        found, other_s = trial.run(other)
        difference = find_difference(expected, found)
        if difference:
            say(f"features by Keras: {other.engine} {difference}")
            return plain
        if other_s < keras_s:  # once more, in turns: something else may have run beside one
            keras_s = min(keras_s, trial.time(plain))
            other_s = min(other_s, trial.time(other))
    except Exception as error:  # noqa: BLE001 - whatever it is, Keras does without
        say(f"features by Keras: ONNX Runtime failed: {one_line(error)}")
        return plain
    speeds = f"{batch_size / other_s:.3g} images/s, Keras {batch_size / keras_s:.3g}"
    if other_s > (1.0 - LEAST_GAIN) * keras_s:
        say(f"features by Keras: {other.engine} is not faster ({speeds})")
        return plain
    say(f"features by {other.engine} ({speeds})")
    return FallingBack(other, plain, say)


def is_possible(model: keras.Model) -> bool:
    """Whether ONNX Runtime may be used, is installed, and the model is on the CPU."""
    if os.environ.get(VARIABLE, "").lower() == "keras" or not model.weights:
        return False
    if any(importlib.util.find_spec(name) is None for name in PACKAGES):
        return False
    # A variable's value names its device on all three backends.
    return "cpu" in str(model.weights[0].value.device).lower()


def find_difference(expected: Sequence[Batch], found: Sequence[Batch]) -> str:
    """Say how features differ more than rounding explains; empty if they don't.

    In no batch may any two values be `TOLERANCE` apart, nor, where features are small, that share
    of the batch's root mean square: a network with random weights may give features of 1e-20,
    which differ by nothing whatever the engine does.

    Args:
        expected: Features (B, D) of each batch.
        found: The same of another engine.
    """
    for right, other in zip(expected, found, strict=True):
        if right.shape != other.shape:
            return f"gives features {other.shape}, not {right.shape}"
        size = float(np.sqrt(np.mean(np.square(right, dtype=np.float64))))
        limit = TOLERANCE * min(1.0, size)
        worst = float(np.max(np.abs(right.astype(np.float64) - other)))
        if not worst < limit:  # nor is NaN
            return f"differs by {worst:.2g}, {limit:.2g} is allowed"
    return ""


class _Trial:
    """Applies engines to the same two batches: images of the data, and noise.

    Args:
        sample: Of the data, float32 (B, H, W, C).
        alive: Called after each batch.
        clock: Seconds.
    """

    def __init__(
        self, sample: Batch, alive: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        noise = np.random.default_rng(0).random(sample.shape, dtype=np.float32)
        self._batches = (sample, noise * np.float32(255.0))
        self._alive, self._clock = alive, clock

    def run(self, extractor: Extractor) -> tuple[list[Batch], float]:
        """The features of both batches, and the seconds of the second: the first may compile."""
        features, seconds = [], 0.0
        for batch in self._batches:
            start = self._clock()
            features.append(extractor(batch))
            seconds = self._clock() - start
            self._alive()
        return features, max(seconds, 1e-9)

    def time(self, extractor: Extractor) -> float:
        """Seconds of a batch."""
        start = self._clock()
        extractor(self._batches[1])
        seconds = self._clock() - start
        self._alive()
        return max(seconds, 1e-9)


def _ignore(*said: object) -> None:
    del said
