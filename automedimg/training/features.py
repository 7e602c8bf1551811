"""The feature cache: a frozen backbone sees every image once, for all trials and runs."""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import Backbone, BuiltBackbone, TrialSpec
from automedimg.data import files
from automedimg.training.batches import PREDICTED, predict_rows
from automedimg.training.trial_data import TrialData

STALE_S = 6 * 3600.0
"""Seconds after which a file that nobody has written to is nobody's."""

CHUNK = 8192
"""Images whose features are held in memory at once."""


def cached_features(
    spec: TrialSpec,
    data: TrialData,
    backbone: Backbone,
    build: Callable[[], BuiltBackbone],
    alive: Callable[[], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the features of every row of the pixel cache, computing them only once.

    Args:
        spec: Names the backbone, its values and its weights; the more steps it accumulates, the
            fewer images go through the backbone at once.
        data: The images.
        backbone: What its factory returned; a change of its module makes the features anew.
        build: Builds it; called only if the features aren't there.
        alive: Called after each batch.
    Returns:
        float32 (N, D), a read-only memory map.
    """
    folder = files.make_folder(Path(data.context.features))
    path = folder / f"{_key(spec, data, backbone)}.npy"
    found = _open(path, len(data.pixels))
    if found is not None:
        return found
    _sweep(folder)
    with files.replacing(path) as temporary:
        batch_size = max(1, PREDICTED // spec.accumulate)
        _write(temporary, build().model, data.pixels, batch_size, alive)
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _write(
    path: Path,
    model: keras.Model,
    pixels: npt.NDArray[Any],
    batch_size: int,
    alive: Callable[[], None] | None,
) -> None:
    """Compute the features of all images, a chunk at a time: they need not fit into memory."""
    shape = (len(pixels), int(model.output_shape[-1]))
    features = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    files.reserve(path)
    for start in range(0, len(pixels), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(pixels)), dtype=np.int64)
        features[start : start + len(rows)] = predict_rows(model, pixels, rows, batch_size, alive)
    features.flush()


def _sweep(folder: Path) -> None:
    """Delete what kills left half written long ago; what is young may be another worker's."""
    for torn in folder.glob(".*-*.npy"):
        with suppress(OSError):
            if time.time() - torn.stat().st_mtime > STALE_S:
                torn.unlink()


def _open(path: Path, num: int) -> npt.NDArray[np.float32] | None:
    """Open a cached array; a damaged one counts as absent and is written anew."""
    try:
        array: npt.NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    return array if len(array) == num and array.dtype == np.float32 else None


def _key(spec: TrialSpec, data: TrialData, backbone: Backbone) -> str:
    parts: Mapping[str, Any] = {
        "pixels": data.source.parent.name,
        "backbone": spec.backbone,
        "code": content_hash(inspect.getsourcefile(type(backbone))),
        "values": dict(sorted(spec.backbone_values.items())),
        "weights": content_hash(spec.weights),
        # Without a file the weights come from the seed.
        "seed": spec.seed if spec.weights is None else None,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    return f"{spec.backbone}-{digest}"


def content_hash(path: str | None) -> str:
    """Hash a file's content; empty if there is no such file."""
    if path is None or not Path(path).is_file():
        return ""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
