"""What the first trials will be, said before the data is ready, so that a worker can begin.

A guess: nothing depends on it. Where it is wrong, some features were computed for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.trial import FixedTrial

from automedimg.contracts import DatasetSpec, Executor, RunContext, Strategy, TrialSpec
from automedimg.data import places
from automedimg.data.pixels import PixelCache
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.errors import AutomedimgError
from automedimg.executing import num_cores
from automedimg.registry import Catalog
from automedimg.search import affordable
from automedimg.search.first_guesses import default_choices
from automedimg.search.narrowing import Wanted, build_space
from automedimg.search.plan import Plan
from automedimg.search.request import SearchRequest
from automedimg.search.space import SearchSpace
from automedimg.search.thrift import Thrift
from automedimg.search.weights import WeightStore
from automedimg.training.parameters import fit_defaults

FEW_CORES, FEW, MANY = 3, 1, 3
"""Backbones whose features are prepared where there are few cores, and where there are more. Copies
keep two cores busy meanwhile; what the first trial doesn't need would only delay it."""


class Foresight:
    """Lets an executor's worker compute the features of the first trials ahead.

    Args:
        request: What was asked for.
        spec: The task.
        root: The folder of the images.
        catalog: Where components come from.
        strategy: Of the search.
        executor: Whose worker is to do it.
    """

    def __init__(
        self,
        request: SearchRequest,
        spec: DatasetSpec,
        root: Path,
        catalog: Catalog,
        strategy: Strategy,
        executor: Executor,
    ) -> None:
        self._request, self._spec, self._root = request, spec, root
        self._catalog, self._strategy, self._executor = catalog, strategy, executor

    def begin(self, pixels: PixelCache) -> None:
        """Ask for the features, once the images have been read."""
        request = self._request
        context = RunContext(
            pixels={name: str(path) for name, path in pixels.images.items()},
            rows="",
            features=str(pixels.scan_folder.parent.parent / "features"),
            data_fingerprint="",
            classes=self._spec.classes,
            metric=request.metric,
            seed=request.seed,
            log="",
        )
        for spec in self.first_trials(len(pixels.scan)):
            self._executor.prepare(context, spec)

    def first_trials(self, num_images: int) -> list[TrialSpec]:
        """The first trials with a frozen backbone, as far as can be said; each with another one."""
        found: dict[str, TrialSpec] = {}
        most = FEW if num_cores() <= FEW_CORES else MANY
        try:
            for number, spec in enumerate(self._trials(num_images)):
                if spec.train == "frozen" and len(found) < most:
                    key = repr([spec.backbone, spec.backbone_values, spec.weights])
                    found.setdefault(key, spec)
                elif number == 0:
                    break  # it needs the worker at once
        except AutomedimgError:
            pass  # it is said when the search begins
        return list(found.values())

    def _trials(self, num_images: int) -> Iterator[TrialSpec]:
        metric = self._catalog.metrics.get(self._request.metric)
        plan = Plan.of(self._request, metric, [])
        space = self._space()
        for number, params in enumerate(self._choices(space, num_images)):
            try:
                choice = space.choose(FixedTrial(params))
            except ValueError:  # the strategy would have to say more
                continue
            yield plan.job(number, choice, space, epochs=None, limit_s=None, accumulate=1)

    def _space(self) -> SearchSpace:
        request = self._request
        folders = places.weight_folders(request.weights_dir, self._root)
        names = tuple(way.name for way in parse_preprocessing(request.preprocessings))
        size = request.image_size or self._spec.image_size
        wanted = Wanted(
            request.backbones,
            request.heads,
            request.fix,
            names,
            image_size=size,
            weights=request.weights,
            vary=request.vary,
        )
        return build_space(self._catalog, wanted, WeightStore(folders, download=False), _ignore)

    def _choices(self, space: SearchSpace, num_images: int) -> list[dict[str, Any]]:
        defaults = default_choices(space, fit_defaults())
        request = self._request
        if request.time_s is None or request.storage is not None or not self._strategy.takes_advice:
            return defaults
        size = request.image_size or self._spec.image_size
        costs = affordable.guess_costs(space, self._catalog, size=size, num_images=num_images)
        thrift = Thrift(space, defaults, costs, self._catalog_maximizes())
        return [thrift.advise([], [], request.time_s).params, *defaults]

    def _catalog_maximizes(self) -> bool:
        return self._catalog.metrics.get(self._request.metric).direction == "maximize"


def _ignore(_: Any) -> None:
    pass
