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

Floats = npt.NDArray[np.float32]

OVERSAMPLED = 10
"""Columns of the sketch beyond the components that are wanted."""

NOISE = 1e-6
"""Share of the largest variance below which another one is rounding of float32."""

TINY = 1e-20
"""A variance below this is 0."""

PASSES = 3
"""Passes over the features there and back."""


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

    def fit(self, features: Floats, values: Mapping[str, Any], seed: int) -> keras.Model:
        """Learn the principal components: a layer that centres, and a dense one."""
        from automedimg_backbones.fitted_layers import Standardise, dense, in_a_row

        num, width = min(values["components"], *features.shape), features.shape[1]
        mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        features -= mean
        axes = principal_axes(features, num, seed)
        centred = (Standardise(), (mean, np.ones(width, np.float32)))
        return in_a_row(width, [centred, dense(axes, np.zeros(axes.shape[1]), "components")])


def principal_axes(centred: Floats, num: int, seed: int) -> Floats:
    """The directions in which centred features vary most, the most first.

    A random sketch of the features, sharpened by passes over them: for the first components it is
    as good as a whole decomposition, in a tenth of the time.
    Source: Halko, Martinsson & Tropp (2011), Finding Structure with Randomness, SIAM Review 53,
    algorithms 4.4 and 5.1.

    Args:
        centred: (N, D), with mean 0.
        num: E, at most N and D.
        seed: Of the sketch.
    Returns:
        Orthonormal columns, float32 (D, E); fewer where the features vary in fewer directions.
    """
    size = min(num + OVERSAMPLED, *centred.shape)
    rng = np.random.default_rng(seed)
    sketch = centred @ rng.standard_normal((centred.shape[1], size), dtype=np.float32)
    for _ in range(PASSES):
        back = _orthonormal(centred.T @ _orthonormal(sketch))
        sketch = centred @ back
    rows = _orthonormal(sketch).T @ centred  # (size, D)
    sizes, turn = np.linalg.eigh(np.asarray(rows @ rows.T, np.float64))
    best = np.argsort(sizes)[::-1][:num]
    scale = np.sqrt(np.maximum(sizes[best], TINY))
    return np.ascontiguousarray(rows.T @ (turn[:, best] / scale).astype(np.float32))


def _orthonormal(columns: Floats) -> Floats:
    """An orthonormal basis of few columns, by their products: products run at full speed.

    LAPACK's factorisations of such tall matrices took ten times as long on two busy cores.
    """
    sizes, turn = np.linalg.eigh(np.asarray(columns.T @ columns, np.float64))
    kept = sizes > sizes[-1] * NOISE
    kept[-1] = True  # where nothing varies, a column of zeros
    scale = np.sqrt(np.maximum(sizes[kept], TINY))
    basis: Floats = columns @ (turn[:, kept] / scale).astype(np.float32)
    return basis
