"""Compares 50 heads on the features of one backbone: a hand-written floor, and the command.

Run: python tests/bench/heads.py --data BR35H --weights-dir WEIGHTS
The floor decodes the images with two processes, applies a frozen MobileNetV2 to each once, and
trains 50 plain Keras heads of 10 epochs on what comes out, with random hyperparameters: what a
careful person writes in an hour. The command does the same number of trials of as many epochs, and
also looks for copies, splits, records, saves models and judges the best. An uncached trial is one
Keras fit of 10 epochs with the frozen network in front.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from rivals import EPOCHS, SIZE, TRIALS, WEIGHTS, build, decode


def read(data: Path) -> tuple[np.ndarray, np.ndarray]:
    paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    with ProcessPoolExecutor(2) as pool:
        images = np.stack(list(pool.map(decode, map(str, paths), chunksize=50)))
    return images, np.array([int(path.parent.name == "yes") for path in paths])


def floor(data: Path, weights: Path) -> dict[str, float]:
    """Seconds of each step of the floor."""
    times, start = {}, time.monotonic()

    def lap(name: str) -> None:
        nonlocal start
        times[name], start = time.monotonic() - start, time.monotonic()

    images, labels = read(data)
    lap("decode")
    import keras

    lap("import")
    whole = build({"layers": 0, "dropout": 0.0, **random_fit(np.random.default_rng(0))}, weights)
    features_of = keras.Model(whole.input, whole.layers[-3].output)
    features = features_of.predict(images, batch_size=64, verbose=0)
    lap("features")
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(images))
    train, valid = rows[:1920], rows[1920:2560]
    for _ in range(TRIALS):
        keras.backend.clear_session()
        head, batch = random_head(rng, features.shape[1])
        head.fit(
            features[train],
            labels[train],
            batch_size=batch,
            epochs=EPOCHS,
            verbose=0,
            validation_data=(features[valid], labels[valid]),
        )
    lap("heads")
    model = build({"layers": 0, "dropout": 0.2, **random_fit(rng)}, weights)
    model.fit(
        images[train],
        labels[train],
        batch_size=32,
        epochs=EPOCHS,
        verbose=0,
        validation_data=(images[valid], labels[valid]),
    )
    lap("uncached")
    return times


def random_fit(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "optimizer": rng.choice(["adam", "sgd", "rmsprop"]),
        "learning_rate": float(10 ** rng.uniform(-5, -2)),
        "weight_decay": float(10 ** rng.uniform(-6, -2)),
    }


def random_head(rng: np.random.Generator, num_features: int) -> tuple[Any, int]:
    import keras

    head = keras.Sequential([keras.Input((num_features,))])
    dropout, units = rng.uniform(0, 0.6), int(2 ** rng.uniform(5, 9))
    for _ in range(int(rng.integers(0, 3))):
        head.add(keras.layers.Dropout(dropout))
        head.add(keras.layers.Dense(units, activation=rng.choice(["relu", "silu", "tanh"])))
    head.add(keras.layers.Dropout(dropout))
    head.add(keras.layers.Dense(2, activation="softmax"))
    fit = random_fit(rng)
    kinds = {
        "adam": keras.optimizers.Adam,
        "sgd": lambda **rest: keras.optimizers.SGD(momentum=0.9, nesterov=True, **rest),
        "rmsprop": keras.optimizers.RMSprop,
    }
    optimizer = kinds[fit["optimizer"]](
        learning_rate=fit["learning_rate"], weight_decay=fit["weight_decay"]
    )
    head.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return head, int(rng.choice([16, 32, 64]))


def command(data: Path, weights: Path, cache: Path, out: Path) -> float:
    """Seconds of the whole command."""
    start = time.monotonic()
    subprocess.run(
        [
            str(Path(sys.executable).with_name("automedimg")),
            *("search", "--task", "br35h", "--data", str(data), "--weights-dir", str(weights)),
            *("--offline", "--cache-dir", str(cache), "--out", str(out), "--quiet", "--json"),
            *("--backbones", "mobilenetv2", "--fix", "train=frozen", "--fix", "alpha=1.0"),
            *("--fix", "views=1", "--image-size", str(SIZE), "--epochs", str(EPOCHS)),
            *("--trials", str(TRIALS), "--epoch-patience", str(EPOCHS)),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - start


def main() -> None:
    """Measure, in turns, and print."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights-dir", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold = command(given.data, given.weights_dir, folder / "cache", folder / "cold")
        times = floor(given.data, given.weights_dir / WEIGHTS)
        warm = command(given.data, given.weights_dir, folder / "cache", folder / "warm")
        new = command(given.data, given.weights_dir, folder / "cache-2", folder / "new")
    uncached = times.pop("uncached")
    total = sum(times.values())
    parts = ", ".join(f"{part} {seconds:.1f}" for part, seconds in times.items())
    print("| what | seconds | of the floor |\n|---|---:|---:|")
    print(f"| hand-written floor ({parts}) | {total:.0f} | 1 |")
    for label, seconds in (
        ("the command, empty caches", cold),
        ("the command, empty caches, once more", new),
        ("the command again, caches filled", warm),
    ):
        print(f"| {label} | {seconds:.0f} | {seconds / total:.2f} |")
    print(f"\none uncached trial: {uncached:.0f} s")


if __name__ == "__main__":
    main()
