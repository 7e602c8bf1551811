"""Networks made of AutoKeras's blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from automedimg.contracts import Backbone, BuiltBackbone, Space, Weights, When


class AutoKeras(Backbone):
    """What AutoKeras searches for images, as far as it suits a search that shares its time.

    AutoKeras's own `ImageBlock` chooses a block and the block's parameters; both are declared here,
    so that any strategy can choose them. Left out are the networks that are too large to be trained
    from scratch on a few thousand images (ResNet-101, ResNet-152, more than 128 filters), flattened
    maps, a different width for each layer, and EfficientNet. Normalisation and augmentation are the
    search's own.

    Source: Jin et al. (2023), AutoKeras: An AutoML Library for Deep Learning, JMLR 24.
    """

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare the block, its parameters, and how its maps become features."""
        del weights
        vanilla = ("vanilla",)
        return {
            "block_type": CategoricalDistribution(("vanilla", "resnet", "xception")),
            "kernel_size": When("block_type", vanilla, CategoricalDistribution((3, 5))),
            "num_blocks": When("block_type", vanilla, IntDistribution(1, 3)),
            "num_layers": When("block_type", vanilla, IntDistribution(1, 2)),
            "filters": When("block_type", vanilla, CategoricalDistribution((16, 32, 64, 128))),
            "separable": When("block_type", vanilla, CategoricalDistribution((False, True))),
            "dropout": When("block_type", vanilla, FloatDistribution(0.0, 0.5, step=0.25)),
            "version": When(
                "block_type", ("resnet",), CategoricalDistribution(("resnet50", "resnet50_v2"))
            ),
            "reduction_type": CategoricalDistribution(("global_avg", "global_max")),
        }

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """AutoKeras's first guess for images: two blocks of two plain convolutions."""
        del weights
        return (
            {
                "block_type": "vanilla",
                "kernel_size": 3,
                "num_blocks": 2,
                "num_layers": 2,
                "filters": 32,
                "separable": False,
                "dropout": 0.25,
                "reduction_type": "global_avg",
                "learning_rate": 1e-3,
            },
        )

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network; there are no weights to load."""
        from automedimg_backbones.autokeras_blocks import build_blocks

        del weights
        return BuiltBackbone(build_blocks(input_shape, values), "gradcam")
