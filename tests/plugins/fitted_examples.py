"""Features to fit heads to, and how a saved head is read back elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def examples(num_classes: int, num: int = 240, seed: int = 0) -> tuple[Floats, npt.NDArray[Any]]:
    """Classes that overlap; features of very different size, one of them constant."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % num_classes
    centres = np.random.default_rng(100).normal(size=(num_classes, 12))
    features = rng.normal(size=(num, 12)) + centres[labels]
    features = features * np.logspace(-2, 2, 12) + 50.0
    features[:, 5] = 3.0
    return features.astype(np.float32), labels.astype(np.int64)


def probabilities(model: Any, features: Floats) -> npt.NDArray[np.float64]:
    """What a head's logits come to."""
    from automedimg.training.batches import softmax

    return softmax(np.asarray(model(features), dtype=np.float32))


def read_elsewhere(models: Sequence[Any], features: Floats, folder: Path) -> list[Floats]:
    """Save models, load them in a process that imports nothing but automedimg, and apply them."""
    for index, model in enumerate(models):
        model.save(folder / f"{index}.keras")
    np.save(folder / "features.npy", features)
    subprocess.run([sys.executable, "-c", READ, str(folder)], check=True)
    return [np.load(folder / f"{index}.npy") for index in range(len(models))]


READ = """
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from automedimg.training.loading import load_classifier

folder = Path(sys.argv[1])
features = np.load(folder / "features.npy")
for file in folder.glob("*.keras"):
    model = load_classifier(file)
    np.save(file.with_suffix(".npy"), np.asarray(model(features), dtype=np.float32))
"""
