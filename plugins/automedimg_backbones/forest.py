"""The head `random_forest`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import CategoricalDistribution, IntDistribution

from automedimg.contracts import FittedHead, Space
from automedimg_backbones.fitting import CLASS_WEIGHT, Floats, class_weight

if TYPE_CHECKING:
    import keras

    from automedimg.contracts import IntArray


class RandomForest(FittedHead):
    """Trees on random parts of images and features, by scikit-learn.

    Source: Breiman (2001), Random Forests, Machine Learning 45.
    """

    differentiable = False

    def space(self) -> Space:
        """Declare the number of trees and their depth, the features that a split sees, weights."""
        return {
            "trees": IntDistribution(50, 500, log=True),
            "depth": IntDistribution(4, 24),
            "leaf": IntDistribution(1, 16, log=True),
            "features": CategoricalDistribution(("sqrt", "log2")),
            "class_weight": CLASS_WEIGHT,
        }

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        """Breiman's: deep trees, as many as the time allows."""
        rest = {"features": "sqrt", "class_weight": "none"}
        return ({"trees": 200, "depth": 16, "leaf": 1, **rest},)

    def fit(
        self,
        features: Floats,
        labels: IntArray,
        groups: IntArray | None,
        num_classes: int,
        values: Mapping[str, Any],
        seed: int,
    ) -> keras.Model:
        """Fit it: a layer that evaluates the trees."""
        from sklearn.ensemble import RandomForestClassifier

        from automedimg_backbones.fitted_layers import in_a_row

        del groups
        forest = RandomForestClassifier(
            n_estimators=values["trees"],
            max_depth=values["depth"],
            min_samples_leaf=values["leaf"],
            max_features=values["features"],
            class_weight=class_weight(values),
            random_state=seed,
            n_jobs=_num_threads(),
        )
        forest.fit(features, labels)
        return in_a_row(features.shape[1], [_layer(forest, num_classes)])


def _layer(forest: Any, num_classes: int) -> tuple[Any, list[Any]]:
    """The layer of a forest, and its weights."""
    from automedimg_backbones.fitted_layers import Trees

    trees = [one.tree_ for one in forest.estimators_]
    num_nodes = max(tree.node_count for tree in trees)
    shape = (len(trees), num_nodes)
    feature, threshold = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    # Whoever is at a leaf stays there, and so does the padding.
    place = np.arange(len(trees) * num_nodes, dtype=np.int32).reshape(shape)
    low, high = place.copy(), place.copy()
    values = np.zeros((*shape, num_classes), np.float32)
    for index, tree in enumerate(trees):
        inner = np.flatnonzero(tree.children_left >= 0)
        feature[index, inner] = tree.feature[inner]
        threshold[index, inner] = _rounded_down(tree.threshold[inner])
        low[index, inner] = tree.children_left[inner] + index * num_nodes
        high[index, inner] = tree.children_right[inner] + index * num_nodes
        counts = tree.value[:, 0, :]
        shares = counts / counts.sum(axis=1, keepdims=True)
        values[index, : tree.node_count, forest.classes_] = shares.T
    depth = max(tree.max_depth for tree in trees)
    layer = Trees(*shape, num_classes, depth, name="trees")
    flat = [array.reshape(-1) for array in (feature, threshold, low, high)]
    return layer, [*flat, values.reshape(-1, num_classes)]


def _rounded_down(thresholds: Any) -> Floats:
    """Thresholds as float32 that no float32 feature is on the other side of."""
    near: Floats = thresholds.astype(np.float32)
    near[near > thresholds] = np.nextafter(near[near > thresholds], np.float32(-np.inf))
    return near


def _num_threads() -> int:
    """This process's share of the cores: ``$OMP_NUM_THREADS``, which CPU workers get, else all."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else os.cpu_count() or 1
