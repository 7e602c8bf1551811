"""The backbone `hog_pca`: a fixed descriptor and what varies most in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution, IntDistribution

from automedimg.contracts import Backbone, BuiltBackbone, Space, TrainMode, Weights

if TYPE_CHECKING:
    import keras


class HogPca(Backbone):
    """Histograms of oriented gradients, reduced to their principal components.

    The components are those of the training images alone.
    """

    modes: tuple[TrainMode, ...] = ("frozen",)
    draws = False
    fit_only = ("components",)

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare directions, the side of a cell in pixels, and the number of components."""
        del weights
        return {
            "orientations": CategoricalDistribution((6, 9, 12)),
            "cell_pixels": CategoricalDistribution((8, 16, 32)),
            "components": IntDistribution(16, 256, log=True),
        }

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """Dalal and Triggs's nine directions; a machine with an RBF kernel goes well with it."""
        del weights
        values = {"orientations": 9, "cell_pixels": 16, "components": 100}
        return ({"train": "frozen", "head": "svm", **values},)

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the descriptor. There is no map of the image in it that Grad-CAM could read."""
        import keras

        from automedimg_backbones.hog_layers import Hog

        del weights
        cell = min(values["cell_pixels"], *input_shape[:2])
        image = keras.Input(input_shape, name="image")
        features = Hog(values["orientations"], cell, name="hog")(image)
        return BuiltBackbone(keras.Model(image, features), "")

    def fit(
        self, features: npt.NDArray[np.float32], values: Mapping[str, Any], seed: int
    ) -> keras.Model:
        """Learn the principal components: a layer that centres, and a dense one.

        Source: Halko, Martinsson & Tropp (2011), Finding Structure with Randomness, SIAM Review 53.
        """
        from sklearn.decomposition import PCA

        from automedimg_backbones.fitted_layers import Standardise, dense, in_a_row

        num = min(values["components"], *features.shape)
        # Three passes are enough for what classifies, in half of the time of the usual seven.
        pca = PCA(num, svd_solver="randomized", iterated_power=3, random_state=seed).fit(features)
        width = features.shape[1]
        centred = (Standardise(), (pca.mean_, np.ones(width, np.float32)))
        return in_a_row(width, [centred, dense(pca.components_.T, np.zeros(num), "components")])
