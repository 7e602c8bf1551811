"""Where automedimg keeps and looks for things on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder(given: str | Path | None = None) -> Path:
    """The folder of the caches: as given, else ``$AUTOMEDIMG_CACHE``, else the user's cache."""
    chosen = given or os.environ.get("AUTOMEDIMG_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("automedimg"))


def data_folders(task: str, cache: Path) -> list[Path]:
    """Where a task's images are looked for when no folder is given, in order."""
    places = [cache / "datasets" / task]
    if root := os.environ.get("AUTOMEDIMG_DATA"):
        places.insert(0, Path(root) / task)
    return places


def weight_folders(given: str | Path | None, data: Path) -> list[Path]:
    """Where weight files are looked for, in order.

    As given, ``$AUTOMEDIMG_WEIGHTS``, a folder ``weights`` in or beside the data, and Keras's own
    cache.
    """
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    named = [given, os.environ.get("AUTOMEDIMG_WEIGHTS")]
    return [
        *(Path(place) for place in named if place),
        data / "weights",
        data.parent / "weights",
        keras_home / "models",
    ]
