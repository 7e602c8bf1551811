"""The feature cache: a frozen backbone sees every image once, for all trials and runs."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import Backbone, BuiltBackbone, IntArray, TrialSpec
from automedimg.data import caches, files
from automedimg.data.levels import grey_levels
from automedimg.training.activations import NO_ROOM, has_room
from automedimg.training.augment import Augment
from automedimg.training.batches import PREDICTED
from automedimg.training.changes import ALL, parse_changes
from automedimg.training.cutting import Cut
from automedimg.training.extraction import make_extractor
from automedimg.training.extractors import Extractor, KerasExtractor
from automedimg.training.feature_files import Features, sweep, write_in_parts
from automedimg.training.shelf import built_values
from automedimg.training.trial_data import TrialData

VIEW_STRENGTH = 0.4
"""Strength of the usual augmentation in a cached view; changes that were asked for are made in
full."""

Build: TypeAlias = Callable[[], BuiltBackbone]

Make: TypeAlias = Callable[[], tuple[Extractor, tuple[int, ...]]]
"""Makes what computes an array, and says the shape of one image's part of it."""


class FeatureCache:
    """The features that a trial's backbone gives, computed only once.

    Args:
        spec: Names the backbone, its values and its weights; the more steps it accumulates, the
            fewer images go through the backbone at once.
        data: The images.
        backbone: What its factory returned; a change of its module makes the features anew.
        build: Builds it; called only if the features aren't there.
        alive: Called after each batch.
    Attributes:
        computed: Images that went through the backbone so far.
        seconds: What that took; waiting for another process that does it counts.
    """

    def __init__(
        self,
        spec: TrialSpec,
        data: TrialData,
        backbone: Backbone,
        build: Build,
        alive: Callable[[], None] | None = None,
    ) -> None:
        self._data, self._build, self._alive = data, build, alive or _nothing
        self._about = _about(spec, data, backbone)
        self._changes = str(spec.fit.get("changes", ALL))
        self._strength = VIEW_STRENGTH if self._changes == ALL else 1.0
        self._batch_size = max(1, PREDICTED // spec.accumulate)
        self._folder = Path(data.context.features)
        self.computed, self.seconds = 0, 0.0

    @property
    def key(self) -> str:
        """Names what the features depend on."""
        return _digest(self._about)

    def plain(self) -> Features:
        """Of every row of the pixel cache, as it is: float32 (N, D), a read-only memory map."""
        return self._get(np.arange(len(self._data.pixels), dtype=np.int64), self._about, 0)

    def view(self, rows: IntArray, number: int) -> Features:
        """Of some rows, each changed at random as training images are.

        Args:
            rows: Rows of the pixel cache, int64 (M,).
            number: Of the view, 1 or more; each changes the images in another way.
        Returns:
            float32 (M, D), a read-only memory map.
        """
        shown = {
            "view": number,
            "strength": self._strength,
            "changes": asdict(parse_changes(self._changes)),
            "augmentation": content_hash(inspect.getsourcefile(Augment)),
            "rows": hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest(),
        }
        return self._get(rows, {**self._about, **shown}, number)

    def at_cut(self, cut: Cut) -> Features | None:
        """Activations of every row at a cut, float32 (N, ...), a read-only memory map.

        Returns:
            None where there is no room for them, see `activations`.
        """
        about = {**self._about, "cut": [cut.place, cut.calls]}
        rows = np.arange(len(self._data.pixels), dtype=np.int64)
        num_bytes = 4 * len(rows) * math.prod(cut.shape)
        if not self._path(about).exists() and not has_room(num_bytes, self._folder):
            return None
        lower = KerasExtractor(cut.lower)  # none else is exact
        try:
            return self._get(rows, about, 0, lambda: (lower, cut.shape))
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            _say(f"activations at the cut: {error}")
            return None

    def _path(self, about: Mapping[str, Any]) -> Path:
        return self._folder / f"{about['backbone']}-{_digest(about)}.npy"

    def _get(
        self,
        rows: IntArray,
        about: Mapping[str, Any],
        view: int,
        make: Make | None = None,
    ) -> Features:
        path = self._path(about)
        files.make_folder(self._folder)
        caches.touch(path)
        found = _open(path, len(rows))
        if found is not None:
            return found
        start = time.monotonic()
        with caches.computing(path, self._alive) as alone:
            found = _open(path, len(rows))
            if found is None:
                mark = "part" if alone else str(os.getpid())
                self._compute(path, mark, rows, about, view, make)
                found = np.load(path, mmap_mode="r", allow_pickle=False)
        self.seconds += time.monotonic() - start
        return found

    def _compute(
        self,
        path: Path,
        mark: str,
        rows: IntArray,
        about: Mapping[str, Any],
        view: int,
        make: Make | None,
    ) -> None:
        sweep(self._folder)
        pixels, size = np.asarray(self._data.pixels), min(self._batch_size, len(rows))
        extract, shape = make() if make else self._extractor(pixels[np.resize(rows, size)], rows)

        def parts(done: int) -> Iterator[Features]:
            for start in range(done, len(rows), size):
                chosen = rows[start : start + size]
                # One size of batch: the backbone is traced once.
                images = grey_levels(pixels[np.resize(chosen, size)])
                if view:
                    images = self._changed(images, view, start)
                yield extract(images)[: len(chosen)]
                self.computed += len(chosen)
                self._alive()
                files.forget_pages(self._data.pixels)

        partial = write_in_parts(path, mark, (len(rows), *shape), parts)
        with caches.writing(path, {**about, "what": _words(about), "engine": extract.engine}) as to:
            partial.replace(to)
        caches.keep_within(self._folder.parent, caches.wanted_limit())

    def _extractor(
        self, sample: npt.NDArray[Any], rows: IntArray
    ) -> tuple[Extractor, tuple[int, ...]]:
        """What computes features, and the shape of those of an image."""
        model = self._build().model
        extract = make_extractor(
            model,
            grey_levels(sample),
            len(rows),
            batch_size=len(sample),
            alive=self._alive,
            say=_say,
        )
        return extract, (int(model.output_shape[-1]),)

    def _changed(self, images: Features, view: int, start: int) -> Features:
        """Change a batch of images; how is a function of the view and of where it begins."""
        augment = Augment(self._strength, view * 1_000_003 + start, self._changes)
        changed = keras.ops.convert_to_numpy(augment(images, training=True))
        return np.asarray(changed, dtype=np.float32)


def cached_features(
    spec: TrialSpec,
    data: TrialData,
    backbone: Backbone,
    build: Build,
    alive: Callable[[], None] | None = None,
) -> Features:
    """Return the features of every row of the pixel cache; see `FeatureCache`."""
    return FeatureCache(spec, data, backbone, build, alive).plain()


def content_hash(path: str | None) -> str:
    """Hash a file's content; empty if there is no such file."""
    if path is None or not Path(path).is_file():
        return ""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(path: Path, num: int) -> Features | None:
    """Open a cached array; a damaged one counts as absent and is written anew."""
    if not caches.is_whole(path):
        return None
    try:
        array: Features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    return array if len(array) == num and array.dtype == np.float32 else None


def _about(spec: TrialSpec, data: TrialData, backbone: Backbone) -> dict[str, Any]:
    """What the features depend on: plain JSON types."""
    return {
        "pixels": data.source.parent.name,
        "backbone": spec.backbone,
        "code": content_hash(inspect.getsourcefile(type(backbone))),
        "values": built_values(spec, backbone),
        "weights": content_hash(spec.weights),
        # Without a file the weights come from the seed, if there are any.
        "seed": spec.seed if spec.weights is None and backbone.draws else None,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }


def _digest(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _words(about: Mapping[str, Any]) -> str:
    values = ", ".join(f"{name} {value}" for name, value in about["values"].items())
    view = f", view {about['view']}" if "view" in about else ""
    cut = f", at call {about['cut'][0]} of {about['cut'][1]}" if "cut" in about else ""
    return f"{about['backbone']}{f' ({values})' if values else ''}{view}{cut}"


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")  # the worker's log


def _nothing() -> None:
    pass
