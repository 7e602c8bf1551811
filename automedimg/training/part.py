"""One backbone of a trial: its features, and what is learnt from them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import keras
import numpy as np

from automedimg.contracts import Backbone, BuiltBackbone, IntArray, TrialSpec
from automedimg.training.backend import make_deterministic
from automedimg.training.feature_files import Features
from automedimg.training.features import FeatureCache
from automedimg.training.fitting import draw_rows
from automedimg.training.precision import FULL, building_in, training_policy
from automedimg.training.shelf import Learnt, Shelf, shelf_key
from automedimg.training.talk import Talk
from automedimg.training.trial_data import TrialData

APPLIED = 1024
"""Rows that a learnt part is applied to at once."""


class Part:
    """A trial's backbone, or one of those that stand side by side.

    Args:
        spec: Of the trial, with this backbone, its values and its weight file.
        data: The images.
        maker: What its factory returned.
        talk: Hears a sign of life of whatever takes long.
        shelf: Where it may be found.
    """

    def __init__(
        self, spec: TrialSpec, data: TrialData, maker: Backbone, talk: Talk, shelf: Shelf
    ) -> None:
        self._spec, self._data, self._maker = spec, data, maker
        self._talk, self._shelf = talk, shelf
        self.key = shelf_key(spec, maker, data.input_shape)
        self._raw: BuiltBackbone | None = None
        self._whole: BuiltBackbone | None = None
        self._twin: BuiltBackbone | None = None
        self.policy = training_policy(spec.train)
        self.cache = FeatureCache(spec, data, maker, self.in_float32, talk.alive)

    @property
    def draws(self) -> bool:
        """Whether its weights come from the trial's seed."""
        return self._spec.weights is None and self._maker.draws

    def build(self) -> BuiltBackbone:
        """Images (N, H, W, C) to features (N, D), without what is learnt from these."""
        if self._raw is None:
            self._raw = self._shelf.get(self.key, self._make)
            self._talk.alive()
        return self._raw

    def in_float32(self) -> BuiltBackbone:
        """The same in float32, with the weights that it has now."""
        built = self.build()
        if self.policy == FULL:
            return built
        if self._twin is None:
            self._twin = self._make_plain()
        self._twin.model.set_weights(built.model.get_weights())
        return self._twin

    def built(self) -> BuiltBackbone:
        """Images (N, H, W, C) to the features (N, E) that heads get."""
        if self._whole is None:
            raw, last = self.build(), self._last()
            if last is not None:
                # Its own layers stay layers of the whole: Grad-CAM may read one of them.
                whole = keras.Model(raw.model.input, last(raw.model.output))
                raw = BuiltBackbone(whole, raw.gradcam_layer)
            self._whole = raw
        return self._whole

    def features(self) -> Features:
        """Of every row of the pixel cache, float32 (R, E)."""
        raw = self.cache.plain()
        return self._learnt(raw).features if self._learns() else raw

    def view(self, rows: IntArray, number: int) -> Features:
        """Of some rows, changed at random in one way; float32 (M, E)."""
        raw, last = self.cache.view(rows, number), self._last()
        return raw if last is None else _apply(last, raw, self._talk)

    def _make(self) -> BuiltBackbone:
        """Build the backbone as it is trained; in float32 if it can't be otherwise."""
        try:
            with building_in(self.policy):
                return self._make_plain()
        # A plugin's own operations may not take half precision; whatever they raise, float32 may.
        except Exception as error:
            if self.policy == FULL:
                raise
            sys.stderr.write(f"trained in float32: {self.policy} gives {error!r}\n")
            self.policy = FULL
            make_deterministic(self._spec.seed)
            return self._make_plain()

    def _make_plain(self) -> BuiltBackbone:
        weights = Path(self._spec.weights) if self._spec.weights else None
        return self._maker.build(self._data.input_shape, self._spec.backbone_values, weights)

    def _learns(self) -> bool:
        return self._spec.train == "frozen" and type(self._maker).fit is not Backbone.fit

    def _last(self) -> keras.Model | None:
        return self._learnt(self.cache.plain()).model if self._learns() else None

    def _learnt(self, raw: Features) -> Learnt:
        rows = self._data.side("train").rows
        about = [
            self.cache.key,
            dict(sorted(self._spec.backbone_values.items())),
            hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest(),
            self._data.context.seed,
        ]
        return self._shelf.learnt(json.dumps(about), lambda: self._learn(raw, rows))

    def _learn(self, raw: Features, rows: IntArray) -> Learnt:
        # The search's seed, not the trial's: what one trial learns serves the next one.
        seed = self._data.context.seed
        drawn = rows[draw_rows(len(rows), raw.shape[1], seed)]
        last = self._maker.fit(np.array(raw[drawn]), self._spec.backbone_values, seed)
        self._talk.alive()
        return Learnt(last, raw if last is None else _apply(last, raw, self._talk))


def _apply(model: keras.Model, features: Features, talk: Talk) -> Features:
    found = []
    for start in range(0, len(features), APPLIED):
        part = model(np.array(features[start : start + APPLIED]), training=False)
        found.append(np.asarray(keras.ops.convert_to_numpy(part), dtype=np.float32))
        talk.alive()
    return np.concatenate(found)
