"""Load a saved classifier, with the layers that plugins have defined."""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automedimg.registry.discovery import installed_entry_points
from automedimg.training.backend import load_keras


def load_classifier(path: Path) -> Any:
    """Load a ``.keras`` file in Keras's safe mode.

    A layer that is not Keras's own has to be registered, which importing its module does. The file
    names those modules; they are imported if they belong to automedimg or to an installed plugin,
    and to nothing else: a file from a stranger can't make this process import what it likes.

    Args:
        path: The file.
    Returns:
        A `keras.Model`.
    Raises:
        OSError, ValueError, TypeError: it can't be loaded.
        BackendError: no Keras backend is installed.
    """
    keras = load_keras()
    wanted = _modules(path)
    if wanted:
        trusted = _trusted()
        for module in sorted(wanted):
            if module.partition(".")[0] in trusted:
                importlib.import_module(module)
    return keras.models.load_model(path, safe_mode=True, compile=False)


class LastLoaded:
    """Loads classifiers, and keeps the last one: the same file may be asked for again at once.

    Loading and tracing a network takes seconds, and a verdict applies one file to two splits.
    """

    def __init__(self) -> None:
        self._mark: tuple[Any, ...] = ()
        self._model: Any = None

    def get(self, path: Path) -> Any:
        """Return the classifier in a file, as the file is now.

        Args:
            path: As for `load_classifier`, which also says what is raised.
        """
        stat = path.stat()
        mark = (path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if mark != self._mark:
            self.drop()
            self._model, self._mark = load_classifier(path), mark
        return self._model

    def drop(self) -> None:
        """Keep none: its memory is wanted for something else."""
        self._mark, self._model = (), None


def _modules(path: Path) -> set[str]:
    """The modules of whatever a file holds that isn't Keras's; none where it is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return set()  # Keras says what is wrong with it
    return {module for module in _named(config) if module.partition(".")[0] != "keras"}


def _named(config: Any) -> Iterator[str]:
    if isinstance(config, list):
        for item in config:
            yield from _named(item)
    elif isinstance(config, dict):
        module = config.get("module")
        if isinstance(module, str) and "class_name" in config:
            yield module
        for item in config.values():
            yield from _named(item)


def _trusted() -> set[str]:
    """Top-level packages whose code runs here anyway."""
    points = (point for _, _, point in installed_entry_points())
    return {"automedimg", *(point.value.partition(":")[0].partition(".")[0] for point in points)}
