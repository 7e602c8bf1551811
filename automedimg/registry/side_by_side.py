"""Backbones side by side: the name ``a+b`` means the features of both, one after the other.

Networks of different families see different things in an image. Source: Kassani et al. (2019),
Classification of Histopathological Biopsy Images Using Ensemble of Deep Learning Networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automedimg.contracts import Backbone, BuiltBackbone, Space, TrainMode, Weights, When
from automedimg.errors import ConfigurationError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SIGN = "+"
"""Stands between the names of backbones that are side by side."""


class SideBySide(Backbone):
    """Several frozen backbones as one. A part's parameter carries its name: ``mobilenet.alpha``.

    Args:
        parts: By name, in order.
    Raises:
        ConfigurationError: one of them can't be frozen.
    """

    modes: tuple[TrainMode, ...] = ("frozen",)

    def __init__(self, parts: Mapping[str, Backbone]) -> None:
        self.parts = dict(parts)
        for name, part in self.parts.items():
            if "frozen" not in part.modes:
                raise ConfigurationError(
                    f"`{name}` can't stand in `{SIGN.join(parts)}`: it is trained from scratch",
                    "side by side are backbones that can be frozen, such as pretrained networks",
                )

    def weights(self) -> Sequence[Weights]:
        """The files of all parts."""
        return [weights for part in self.parts.values() for weights in part.weights()]

    def weights_of(self, part: str, found: Sequence[Weights]) -> list[Weights]:
        """Those of the weight files that were found which belong to a part."""
        known = self.parts[part].weights()
        return [weights for weights in found if weights in known]

    def space(self, weights: Sequence[Weights]) -> Space:
        """The parameters of all parts."""
        space: dict[str, BaseDistribution | When] = {}
        for name, part in self.parts.items():
            for key, entry in part.space(self.weights_of(name, weights)).items():
                if isinstance(entry, When):
                    entry = When(f"{name}.{entry.parent}", entry.values, entry.distribution)
                space[f"{name}.{key}"] = entry
        return space

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """The first frozen default of each part; of what isn't their own, the first part's."""
        together: dict[str, Any] = {}
        for name, part in self.parts.items():
            found = self.weights_of(name, weights)
            own = part.space(found)
            frozen = [one for one in part.defaults(found) if _is_frozen(one, part)]
            first = frozen[0] if frozen else {}
            chosen = {f"{name}.{k}" if k in own else k: value for k, value in first.items()}
            together = {**chosen, **together}
        together.pop("head", None)  # it was meant for one of them alone
        return ({**together, "train": "frozen"},)

    def values_of(self, part: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """A part's own values, by its own names."""
        start = f"{part}."
        return {k.removeprefix(start): value for k, value in values.items() if k.startswith(start)}

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Not called: each part is built, and kept, on its own."""
        raise NotImplementedError("parts are built one by one and joined in training")


def _is_frozen(default: Mapping[str, Any], part: Backbone) -> bool:
    return bool(default.get("train", part.modes[0]) == "frozen")
