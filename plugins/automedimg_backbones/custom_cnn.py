"""A small convolutional network, every part of which is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from automedimg.contracts import Backbone, BuiltBackbone, Space, Weights


class CustomCnn(Backbone):
    """Blocks of convolution, normalisation, activation and pooling; filters double per block.

    Its features are the mean and the maximum of each of the last maps.
    """

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare blocks, filters, kernel size, activation, dropout, normalisation and pooling."""
        del weights
        return {
            "blocks": IntDistribution(3, 5),
            "filters": CategoricalDistribution((8, 16, 32)),
            "kernel_size": CategoricalDistribution((3, 5)),
            "activation": CategoricalDistribution(("relu", "elu", "silu")),
            "dropout": FloatDistribution(0.0, 0.5),
            "normalisation": CategoricalDistribution(("batch", "group", "none")),
            "pooling": CategoricalDistribution(("max", "average", "stride")),
        }

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """One plain network that works on most data."""
        del weights
        return (
            {
                "blocks": 4,
                "filters": 16,
                "kernel_size": 3,
                "activation": "relu",
                "dropout": 0.1,
                "normalisation": "batch",
                "pooling": "max",
            },
        )

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network; there are no weights to load."""
        from automedimg_backbones.cnn_layers import build_cnn

        del weights
        return BuiltBackbone(build_cnn(input_shape, values), "gradcam")
