"""The space of a request, and what spends a limited time in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from automedimg.contracts import DatasetSpec, Notice
from automedimg.data import places
from automedimg.data.prepare import PreparedData
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.data.splits import TRAIN
from automedimg.registry import Catalog
from automedimg.search import affordable
from automedimg.search.narrowing import Wanted, build_space, with_modes
from automedimg.search.request import SearchRequest
from automedimg.search.space import SearchSpace
from automedimg.search.thrift import Thrift
from automedimg.search.weights import WeightStore

NEARLY_BALANCED = 1.2
"""Ratio of the largest class to the smallest below which weights and resampling do nothing."""


class Spacing:
    """Makes the space of a request for some images.

    Args:
        request: What was asked for.
        spec: The task.
        data: The images.
        catalog: Where components come from.
    """

    def __init__(
        self, request: SearchRequest, spec: DatasetSpec, data: PreparedData, catalog: Catalog
    ) -> None:
        self._request, self._data, self._catalog = request, data, catalog
        self._size = request.image_size or spec.image_size
        self._num_images = int((data.splits == TRAIN).sum())

    def space(
        self,
        before: Mapping[str, Any] | None,
        devices: Sequence[str],
        notify: Callable[[Notice], None],
    ) -> SearchSpace:
        """Return what may be chosen.

        Args:
            before: What `run.json` says of an earlier session; None for a new run.
            devices: Of the executor. On a CPU, what takes too long for a limited time is left out.
            notify: Hears of what is left out.
        Raises:
            ConfigurationError: unknown names or values, or nothing is left.
        """
        request = self._request
        folders = places.weight_folders(request.weights_dir, self._data.root)
        # A head that was installed since is none of this run's.
        heads = request.heads or (tuple(before["heads"]) if before else ())
        wanted = Wanted(
            request.backbones,
            heads,
            request.fix,
            tuple(way.name for way in parse_preprocessing(request.preprocessings)),
            self._data.audit["imbalance"]["ratio"] < NEARLY_BALANCED,
            image_size=self._size,
            weights=request.weights,
            vary=request.vary,
        )
        store = WeightStore(folders, download=request.download)
        space = build_space(self._catalog, wanted, store, notify)
        if before is not None:
            # The limits may have changed since; what can be chosen may not.
            return with_modes(space, before["backbones"])
        limit = request.trial_limit_s
        if limit is None or set(devices) != {"cpu"}:
            return space
        return affordable.drop_too_dear(
            space,
            self._catalog,
            size=self._size,
            num_images=self._num_images,
            trial_time_s=limit,
            notify=notify,
        )

    def thrift(self, space: SearchSpace, defaults: list[dict[str, Any]], maximize: bool) -> Thrift:
        """Return what spends a limited time.

        Args:
            space: What may be chosen.
            defaults: Good configurations.
            maximize: Whether higher scores are better.
        """
        costs = affordable.guess_costs(
            space, self._catalog, size=self._size, num_images=self._num_images
        )
        modest = {} if "views" in space.fixed else {"views": 1}
        return Thrift(space, defaults, costs, maximize, modest)
