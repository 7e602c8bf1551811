"""The head `logistic`: multinomial logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import FloatDistribution

from automedimg.contracts import FittedHead, Space
from automedimg_backbones.fitting import (
    CLASS_WEIGHT,
    Floats,
    all_classes,
    class_weight,
    good_enough,
    standardise,
)

if TYPE_CHECKING:
    import keras

    from automedimg.contracts import IntArray

MOST_STEPS = 500


class Logistic(FittedHead):
    """Logistic regression with an L2 penalty on standardised features, by scikit-learn's L-BFGS.

    Its optimum is unique: the seed has no part in it.
    """

    def space(self) -> Space:
        """Declare the inverse strength of the penalty, and class weights."""
        return {"c": FloatDistribution(1e-5, 1e1, log=True), "class_weight": CLASS_WEIGHT}

    def defaults(self) -> Sequence[Mapping[str, Any]]:
        """A strong penalty: there are about as many features as images."""
        return ({"c": 1e-3, "class_weight": "none"}, {"c": 1e-1, "class_weight": "none"})

    def fit(
        self,
        features: Floats,
        labels: IntArray,
        groups: IntArray | None,
        num_classes: int,
        values: Mapping[str, Any],
        seed: int,
    ) -> keras.Model:
        """Fit it: a dense layer on standardised features."""
        from sklearn.linear_model import LogisticRegression

        from automedimg_backbones.fitted_layers import Standardise, dense, in_a_row

        del groups, seed
        scaling = standardise(features)
        model = LogisticRegression(
            C=values["c"], class_weight=class_weight(values), max_iter=MOST_STEPS
        )
        with good_enough():
            model.fit(features, labels)
        logits = all_classes(model.coef_.T, model.intercept_, model.classes_, num_classes)
        return in_a_row(features.shape[1], [(Standardise(), scaling), dense(*logits)])
