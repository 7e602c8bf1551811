"""What a worker keeps for its next trial, because nothing of a trial changes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

import keras

from automedimg.contracts import Backbone, BuiltBackbone, TrialSpec
from automedimg.training.feature_files import Features

Build: TypeAlias = Callable[[], BuiltBackbone]

FEW = 4
"""Last parts that are kept with the features that they give."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """The last part of a backbone, learnt from training images' features.

    Args:
        model: Features (N, D) to features (N, E); None if there was nothing to learn.
        features: Those of every row of the pixel cache, float32 (R, E).
    """

    model: keras.Model | None
    features: Features


class Shelf:
    """The frozen backbones that a worker's last trial built, and what was learnt for them.

    Nothing trains them, and building one takes longer than training a head. One whose weights come
    from the trial's seed is not kept.
    """

    def __init__(self) -> None:
        self._built: dict[str, BuiltBackbone] = {}
        self._learnt: dict[str, Learnt] = {}
        self._wanted: frozenset[str] = frozenset()

    def begin(self, keys: Collection[str]) -> None:
        """Say which backbones a trial is going to ask for: those are kept beside each other."""
        self._wanted = frozenset(keys)

    def get(self, key: str, build: Build) -> BuiltBackbone:
        """Return a backbone, built if it isn't here; with an empty key it always is."""
        if key and key in self._built:
            return self._built[key]
        # Two large networks are one too many, unless they are wanted side by side.
        self._built = {name: one for name, one in self._built.items() if name in self._wanted}
        built = build()
        if key:
            self._built[key] = built
        return built

    def learnt(self, key: str, learn: Callable[[], Learnt]) -> Learnt:
        """Return what was learnt, learnt if it isn't here."""
        if key not in self._learnt:
            self._learnt[key] = learn()
            for oldest in list(self._learnt)[:-FEW]:
                del self._learnt[oldest]
        return self._learnt[key]


def shelf_key(spec: TrialSpec, maker: Backbone, shape: tuple[int, ...]) -> str:
    """What a backbone on images of a shape depends on; empty if it can't be kept."""
    if spec.train != "frozen" or (spec.weights is None and maker.draws):
        return ""
    return json.dumps([spec.backbone, built_values(spec, maker), spec.weights, shape])


def built_values(spec: TrialSpec, maker: Backbone) -> dict[str, object]:
    """The values that `build` reads, sorted: without those that only `fit` does."""
    return {
        k: value for k, value in sorted(spec.backbone_values.items()) if k not in maker.fit_only
    }
