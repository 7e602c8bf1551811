"""Measures feature extraction: Keras against ONNX Runtime, in turns, on networks of random weights.

Run: python tests/bench/extraction.py [--pixels 128 224] [--batch 64] [--rounds 5]
Prints a Markdown table. The best of the rounds counts, so that other work on the machine hurts
little. *Set-up* is conversion and loading; *trial* is all that `make_extractor` does once Keras has
traced the model; the *break-even* is the number of images from which on that is won back.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from automedimg.training.backend import load_keras

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "MobileNet 0.75": ("MobileNet", {"alpha": 0.75}),
    "MobileNetV2 1.0": ("MobileNetV2", {"alpha": 1.0}),
    "ResNet50V2": ("ResNet50V2", {}),
}


def make_model(keras: Any, name: str, pixels: int) -> Any:
    """A network as the plugins build it: preprocessing before, an average behind."""
    kind, values = NETWORKS[name]
    network = getattr(keras.applications, kind)(
        input_shape=(pixels, pixels, 3), include_top=False, weights=None, **values
    )
    image = keras.Input((pixels, pixels, 3))
    maps = network(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(keras: Any, name: str, pixels: int, batch: int, rounds: int) -> str:
    from automedimg.training.extraction import make_extractor
    from automedimg.training.extractors import KerasExtractor, OnnxExtractor

    model = make_model(keras, name, pixels)
    shape = (batch, pixels, pixels, 3)
    images = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    plain = KerasExtractor(model)
    plain(images)
    made: list[Any] = []
    setup_s = seconds(lambda: made.append(OnnxExtractor(model)))
    (other,) = made
    other(images)
    keras_s = other_s = float("inf")
    for _ in range(rounds):
        keras_s = min(keras_s, seconds(lambda: plain(images)))
        other_s = min(other_s, seconds(lambda: other(images)))
    said: list[str] = []
    trial_s = seconds(
        lambda: make_extractor(model, images, 10**9, batch_size=batch, say=said.append)
    )
    gain_s = (keras_s - other_s) / batch
    even = f"{trial_s / gain_s:.0f}" if gain_s > 0 else "never"
    chosen = "ONNX Runtime" if "features by onnxruntime" in said[0] else "Keras"
    return (
        f"| {name} | {pixels} | {batch / keras_s:.0f} | {batch / other_s:.0f} "
        f"| {keras_s / other_s:.2f} | {setup_s:.2f} | {trial_s:.1f} | {even} | {chosen} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, nargs="+", default=[128, 224])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    keras = load_keras()
    for package in ("onnx", "onnxruntime"):
        importlib.import_module(package)
    from automedimg.training.extractors import num_threads

    print(f"{num_threads()} threads, batches of {asked.batch}\n")
    print(
        "| network | px | Keras images/s | ONNX Runtime images/s | times | set-up s | trial s "
        "| break-even images | chosen |\n|---|---|---|---|---|---|---|---|---|"
    )
    for name in NETWORKS:
        for pixels in asked.pixels:
            print(measure(keras, name, pixels, asked.batch, asked.rounds), flush=True)
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
