"""A small, quick search on phantoms, and a plugin whose trials go wrong in every way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import automedimg
from automedimg_tasks.br35h import write_phantoms

QUICK: dict[str, Any] = {
    "task": "br35h",
    "backbones": ("custom_cnn",),
    "fix": {"blocks": 3, "filters": 8, "augmentation": 0, "kernel_size": 3},
    "image_size": 32,
    "epochs": 2,
    "download": False,
}

FAULTY = """
import os, time
from optuna.distributions import CategoricalDistribution
from automedimg.contracts import Backbone, BackboneSpec, BuiltBackbone, hookimpl

FAULTS = ("none", "raise", "nan", "exit", "segfault", "garbage", "memory", "allocate", "sleep")

class Faulty(Backbone):
    def space(self, weights):
        return {"fault": CategoricalDistribution(FAULTS)}

    def defaults(self, weights):
        return [{"fault": fault} for fault in FAULTS]

    def build(self, input_shape, values, weights):
        import keras
        fault = values["fault"]
        if fault == "raise":
            raise RuntimeError("this network does not exist")
        if fault == "exit":
            os._exit(7)
        if fault == "segfault":
            os.kill(os.getpid(), 11)
        if fault == "memory":
            raise MemoryError()
        if fault == "allocate":
            hoard = []
            while True:
                hoard.append(b"x" * 50_000_000)
        if fault == "sleep":
            time.sleep(1e6)
        if fault == "garbage":
            os.write(1, b"\\xff\\x00{not json\\n" * 50)
        image = keras.Input(input_shape)
        x = keras.layers.Rescaling(1 / 255)(image)
        x = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="gradcam")(x)
        features = keras.layers.GlobalAveragePooling2D()(x)
        if fault == "nan":
            features = keras.layers.Rescaling(float("nan"))(features)
        return BuiltBackbone(keras.Model(image, features), "gradcam")

@hookimpl
def automedimg_backbones():
    yield BackboneSpec("faulty", "Goes wrong", Faulty)
"""


def phantoms(folder: Path, num_patients: int = 24) -> Path:
    """Write a small data set in Br35H's layout."""
    folder.mkdir()
    write_phantoms(folder, num_patients=num_patients, seed=3)
    return folder


def install_plugin(site: Path, name: str, code: str) -> None:
    """Make a plugin package that this process and its workers find, by an entry point."""
    site.mkdir(exist_ok=True)
    (site / f"{name}.py").write_text(code, encoding="utf-8")
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[automedimg]\n{name} = {name}\n")
    if str(site) not in sys.path:
        sys.path.insert(0, str(site))


def search(data: Path, out: Path, **settings: Any) -> automedimg.Run:
    """Run a quick search."""
    return automedimg.search(
        data=data, out=out, cache_dir=data.parent / "cache", **{**QUICK, **settings}
    )
