"""A paper's images: found once, grouped once, and as pixels where they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.contracts import DatasetSpec, Event
from automedimg.data import files, places
from automedimg.data.decoding import Wanted
from automedimg.data.dividing import SplitRequest
from automedimg.data.prepare import PreparedData, prepare
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.data.resolving import Found, TaskRequest, resolve
from automedimg.papers.protocol import Settings
from automedimg.papers.request import PaperRequest
from automedimg.registry import Catalog

STRETCH = "stretch"

Pixels: TypeAlias = npt.NDArray[Any]


class Material:
    """The images of a paper's task, under whatever options of it are asked for.

    Args:
        task: Of the paper.
        request: Says where the images are.
        catalog: Where tasks come from.
        emit: Hears about the reading.
    """

    def __init__(
        self, task: str, request: PaperRequest, catalog: Catalog, emit: Callable[[Event], None]
    ) -> None:
        self._task, self._request, self._catalog, self._emit = task, request, catalog, emit
        self._cache = files.make_folder(places.cache_folder(request.cache_dir))
        self._found: dict[str, Found] = {}
        self._data: dict[str, PreparedData] = {}
        self._pixels: dict[str, tuple[PreparedData, Pixels]] = {}

    def spec(self, settings: Settings) -> DatasetSpec:
        """The task, completed by what its images say."""
        return self._find(settings.options).spec

    def data(self, settings: Settings) -> PreparedData:
        """Records, labels and groups; its split is of no account."""
        key = repr(sorted(settings.options.items()))
        if key not in self._data:
            self._data[key] = self._prepare(settings, ())
        return self._data[key]

    def pixels(self, settings: Settings) -> Pixels:
        """The pixels that a run with these settings sees: (M, H, W, C), a memory map.

        Rows are numbered as in the ``rows.npz`` of a run directory.
        """
        name = settings.preprocessing or STRETCH
        shape = (settings.image_size, settings.channels, name)
        key = repr((sorted(settings.options.items()), shape))
        if key not in self._pixels:
            prepared = self._prepare(settings, (name,))
            (path,) = prepared.pixels.images.values()
            # What was prepared is kept, too: while it is, the cache does not clear its files away.
            self._pixels[key] = prepared, np.load(path, mmap_mode="r", allow_pickle=False)
        return self._pixels[key][1]

    def close(self) -> None:
        """Let the cache's files go."""
        self._pixels.clear()
        self._data.clear()

    def weight_folders(self, settings: Settings) -> list[Path]:
        """Where weight files are looked for."""
        root = self._find(settings.options).listing.root
        return places.weight_folders(self._request.weights_dir, root)

    def _find(self, options: Mapping[str, str]) -> Found:
        key = repr(sorted(options.items()))
        if key not in self._found:
            asked = TaskRequest(self._task, self._request.data, self._request.sample, dict(options))
            asked.check(self._catalog)
            self._found[key] = resolve(asked, self._catalog, self._cache)
        return self._found[key]

    def _prepare(self, settings: Settings, preprocessings: tuple[str, ...]) -> PreparedData:
        found = self._find(settings.options)
        spec = replace(found.spec, channels=settings.channels or found.spec.channels)
        size = settings.image_size or spec.image_size
        ways = parse_preprocessing(preprocessings) if preprocessings else ()
        return prepare(
            spec,
            found.listing,
            self._cache,
            wanted=Wanted(size, spec.channels, ways),
            how=SplitRequest("grouped", settings.seed or 0),
            listener=self._emit,
        )
