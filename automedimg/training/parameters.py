"""What a search chooses about training itself, beside the components' own parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from automedimg.contracts import Space, When
from automedimg.errors import ConfigurationError
from automedimg.training.changes import ALL, checked_changes
from automedimg.training.rates import SCHEDULES
from automedimg.training.sampling import SAMPLINGS

NOT_FROZEN = ("finetune", "scratch")

LOSSES = ("crossentropy", "focal", "binary_crossentropy")

UNVARIED = ("schedule", "plateau_patience", "momentum", "nesterov", "changes")
"""Parameters that a search leaves at their defaults unless it is told to vary them: each would
cost trials, and seldom brings anything. Whoever repeats a paper fixes them."""
FOR_FITTED = ("preprocessing", "views")
"""Those of them that a fitted head has too: they say what it is fitted to."""


def fit_space() -> Space:
    """The parameters of training; `train` is chosen before them."""
    return {
        "learning_rate": FloatDistribution(1e-5, 1e-2, log=True),
        "schedule": CategoricalDistribution(SCHEDULES),
        "plateau_patience": When("schedule", ("plateau",), IntDistribution(1, 10)),
        "batch_size": CategoricalDistribution((16, 32, 64)),
        "optimizer": CategoricalDistribution(("adam", "sgd", "rmsprop")),
        "momentum": When("optimizer", ("sgd",), FloatDistribution(0.5, 0.99)),
        "nesterov": When("optimizer", ("sgd",), CategoricalDistribution((True, False))),
        "weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
        "loss": CategoricalDistribution(LOSSES[:2]),
        "focal_gamma": When("loss", ("focal",), FloatDistribution(0.5, 5.0)),
        "sampling": CategoricalDistribution(SAMPLINGS),
        # Sampled classes are equally frequent already: weights would correct them twice.
        "class_weight": When("sampling", ("none",), CategoricalDistribution(("none", "balanced"))),
        # A frozen backbone reads cached features: of the plain image, and of as many more views
        # of it, each of which costs one pass of the training images through the backbone.
        "views": When("train", ("frozen",), CategoricalDistribution((1, 2, 4))),
        "augmentation": When("train", NOT_FROZEN, FloatDistribution(0.0, 1.0)),
        "changes": CategoricalDistribution((ALL, "flip", "flip+rotation:15+shift:0.1+zoom:0.1")),
        "unfreeze": When("train", ("finetune",), FloatDistribution(0.1, 1.0)),
    }


def fit_defaults() -> Mapping[str, Any]:
    """Values that work on most data; a backbone's defaults go before them."""
    return {
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "plateau_patience": 3,
        "batch_size": 32,
        "optimizer": "adam",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-4,
        "loss": "crossentropy",
        "focal_gamma": 2.0,
        "sampling": "none",
        "class_weight": "none",
        "views": 1,
        "augmentation": 0.3,
        "changes": ALL,
        "unfreeze": 0.35,
    }


def usual_values(vary: Collection[str] = ()) -> dict[str, Any]:
    """What a search leaves at its default.

    Args:
        vary: Names of `UNVARIED` that it is told to vary.
    Raises:
        ConfigurationError: some are none of `UNVARIED`.
    """
    if unknown := sorted(set(vary) - set(UNVARIED)):
        raise ConfigurationError(
            f"can't vary {', '.join(f'`{name}`' for name in unknown)}",
            f"what a search leaves alone unless it is told to vary it: {', '.join(UNVARIED)}",
        )
    return {name: fit_defaults()[name] for name in UNVARIED if name not in vary}


def _loss(value: Any) -> str:
    if value not in LOSSES:
        raise ValueError(f"got `{value}`, expected one of {list(LOSSES)}")
    return str(value)


def _whole(value: Any) -> int:
    number = _as_number(value)
    if not isinstance(number, int) or number < 1:
        raise ValueError(f"got `{value}`, expected a whole number, 1 or more")
    return number


def _momentum(value: Any) -> float:
    number = _as_number(value)
    if number is None or not 0.0 <= number < 1.0:
        raise ValueError(f"got `{value}`, expected a number from 0 up to, but not, 1")
    return float(number)


def _as_number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


FIXABLE: Mapping[str, Callable[[Any], Any]] = {
    "loss": _loss,
    "changes": checked_changes,
    "batch_size": _whole,
    "views": _whole,
    "plateau_patience": _whole,
    "momentum": _momentum,
}
"""Parameters that may be fixed at other values than a search would choose, and what reads such a
value, perhaps text; it raises a ValueError that says what was expected."""
