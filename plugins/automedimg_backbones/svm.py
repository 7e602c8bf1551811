"""The head `svm`: a support vector machine with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution

from automedimg.contracts import FittedHead, Space, When
from automedimg_backbones.calibrating import Ints, calibrate, held_out
from automedimg_backbones.fitting import (
    CLASS_WEIGHT,
    Doubles,
    Floats,
    all_classes,
    class_weight,
    good_enough,
    standardise,
)

if TYPE_CHECKING:
    import keras

    from automedimg.contracts import IntArray

MOST_ROWS = 5_000
"""Training images that a fit takes; of more, as many are drawn. Memory grows with their square."""

MOST_STEPS = 100_000
"""Steps of the solver: 3 s for 4,000 rows. Where a straight boundary fits badly and is not to give
way (a large `c`), it takes hours more for a boundary that is no better."""

GRAM_ROWS = 512
"""Rows of the table of similarities that are made at once."""


class Svm(FittedHead):
    """A support vector machine, by LIBSVM: one for each pair of classes.

    Its probabilities come from decision values of held-out images; images of a group are held out
    together. Source: Cortes & Vapnik (1995), Support-Vector Networks, Machine Learning 20.
    """

    def space(self) -> Space:
        """Declare kernel, its width, the penalty's inverse strength, scaling and class weights."""
        return {
            "kernel": CategoricalDistribution(("rbf", "linear")),
            # In units of 1 / number of features: the mean squared distance is about 2 of them.
            "gamma": When("kernel", ("rbf",), FloatDistribution(0.05, 10.0, log=True)),
            "c": FloatDistribution(1e-2, 1e2, log=True),
            "scaling": CategoricalDistribution(("each", "together")),
            "class_weight": CLASS_WEIGHT,
        }

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        """A kernel of the usual width; then a straight boundary."""
        rest = {"scaling": "together", "class_weight": "none"}
        return (
            {"kernel": "rbf", "gamma": 1.0, "c": 10.0, **rest},
            {"kernel": "linear", "c": 1e-2, **rest},
        )

    def fit(
        self,
        features: Floats,
        labels: IntArray,
        groups: IntArray | None,
        num_classes: int,
        values: Mapping[str, Any],
        seed: int,
    ) -> keras.Model:
        """Fit it: similarities to the support vectors, and a dense layer on them."""
        if len(labels) > MOST_ROWS:
            rng = np.random.default_rng(seed)
            drawn = np.sort(rng.choice(len(labels), MOST_ROWS, replace=False))
            features, labels = features[drawn], labels[drawn]
            groups = None if groups is None else groups[drawn]
        scaling = standardise(features, together=values["scaling"] == "together")
        classes, places = np.unique(labels, return_inverse=True)
        gamma = values["gamma"] / features.shape[1] if values["kernel"] == "rbf" else None
        gram, weight = _gram(features, gamma), class_weight(values)

        def decide(fit: Ints, held: Ints) -> Doubles:
            vectors, kernel, bias = _fit(gram[np.ix_(fit, fit)], places[fit], values["c"], weight)
            return np.asarray(gram[np.ix_(held, fit[vectors])] @ kernel + bias)

        known, truth = held_out(places, groups, seed, decide)
        slope, offset = calibrate(known, truth, weight)
        vectors, kernel, bias = _fit(gram, places, values["c"], weight)
        # Decision values are linear in similarities, and logits in them: one layer does both.
        logits = all_classes(kernel @ slope, bias @ slope + offset, classes, num_classes)
        return _model(features[vectors], scaling, gamma, logits)


def _gram(features: Floats, gamma: float | None) -> Doubles:
    """Similarities of all rows to all, (N, N): of the RBF kernel, or products."""
    gram = np.empty((len(features), len(features)))
    squares = np.einsum("nd,nd->n", features, features)
    for start in range(0, len(features), GRAM_ROWS):
        rows = slice(start, start + GRAM_ROWS)
        products = features[rows] @ features.T
        if gamma is None:
            gram[rows] = products
        else:
            distances = squares[rows, None] + squares - 2.0 * products
            gram[rows] = np.exp(-gamma * np.maximum(distances, 0.0))
    return gram


def _fit(
    gram: Doubles, labels: Ints, c: float, weight: str | None
) -> tuple[Ints, Doubles, Doubles]:
    """Fit a machine a pair of classes.

    Args:
        gram: (N, N).
        labels: (N,), in [0, k), each of which occurs.
        c: Inverse strength of the penalty.
        weight: ``balanced``, or None.
    Returns:
        The support vectors' rows (S,), and the decision values of P = k (k - 1) / 2 pairs as a
        linear function of similarities to them: (S, P) and (P,).
    """
    from sklearn.svm import SVC

    machine = SVC(
        C=c, kernel="precomputed", class_weight=weight, cache_size=100, max_iter=MOST_STEPS
    )
    with good_enough():
        machine.fit(gram, labels)
    # LIBSVM keeps, for each vector, its coefficients in the machines of its class with the others,
    # in the order of those.
    owner = labels[machine.support_]
    pairs = list(combinations(range(len(machine.classes_)), 2))
    kernel = np.zeros((len(owner), len(pairs)))
    for column, (first, second) in enumerate(pairs):
        kernel[owner == first, column] = machine.dual_coef_[second - 1, owner == first]
        kernel[owner == second, column] = machine.dual_coef_[first, owner == second]
    return machine.support_, kernel, machine.intercept_


def _model(
    vectors: Floats, scaling: Any, gamma: float | None, logits: tuple[Doubles, Doubles]
) -> keras.Model:
    from automedimg_backbones.fitted_layers import RbfKernel, Standardise, dense, in_a_row

    kernel, bias = logits
    scaled = (Standardise(), scaling)
    if gamma is None:  # products with vectors, summed, are products with a sum of vectors
        return in_a_row(vectors.shape[1], [scaled, dense(vectors.T @ kernel, bias)])
    similar = (RbfKernel(len(vectors), gamma), [vectors])
    return in_a_row(vectors.shape[1], [scaled, similar, dense(kernel, bias)])
