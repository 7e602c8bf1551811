"""What a search chooses about training itself, beside the components' own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution

from automedimg.contracts import Space, When
from automedimg.training.sampling import SAMPLINGS

NOT_FROZEN = ("finetune", "scratch")

FOR_FITTED = ("preprocessing", "views")
"""Those of them that a fitted head has too: they say what it is fitted to."""


def fit_space() -> Space:
    """The parameters of training; `train` is chosen before them."""
    return {
        "learning_rate": FloatDistribution(1e-5, 1e-2, log=True),
        "batch_size": CategoricalDistribution((16, 32, 64)),
        "optimizer": CategoricalDistribution(("adam", "sgd", "rmsprop")),
        "weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
        "loss": CategoricalDistribution(("crossentropy", "focal")),
        "focal_gamma": When("loss", ("focal",), FloatDistribution(0.5, 5.0)),
        "sampling": CategoricalDistribution(SAMPLINGS),
        # Sampled classes are equally frequent already: weights would correct them twice.
        "class_weight": When("sampling", ("none",), CategoricalDistribution(("none", "balanced"))),
        # A frozen backbone reads cached features: of the plain image, and of as many more views
        # of it, each of which costs one pass of the training images through the backbone.
        "views": When("train", ("frozen",), CategoricalDistribution((1, 2, 4))),
        "augmentation": When("train", NOT_FROZEN, FloatDistribution(0.0, 1.0)),
        "unfreeze": When("train", ("finetune",), FloatDistribution(0.1, 1.0)),
    }


def fit_defaults() -> Mapping[str, Any]:
    """Values that work on most data; a backbone's defaults go before them."""
    return {
        "learning_rate": 1e-3,
        "batch_size": 32,
        "optimizer": "adam",
        "weight_decay": 1e-4,
        "loss": "crossentropy",
        "focal_gamma": 2.0,
        "sampling": "none",
        "class_weight": "none",
        "views": 1,
        "augmentation": 0.3,
        "unfreeze": 0.35,
    }
