"""Networks of `keras.applications`, with their ImageNet weights and preprocessing inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution

from automedimg.contracts import Backbone, BuiltBackbone, Space, TrainMode, Weights
from automedimg.errors import ConfigurationError
from automedimg_backbones.keras_networks import Network


class Application(Backbone):
    """A network of `keras.applications` whose last map is averaged.

    Of those that come in several widths, `alpha` is searched among the widths that have weights.

    Args:
        network: What is known of it.
    """

    modes: tuple[TrainMode, ...] = ("frozen", "finetune", "scratch")

    def __init__(self, network: Network) -> None:
        self._network = network
        self.min_side = network.min_side

    def weights(self) -> Sequence[Weights]:
        """ImageNet weights, of each width."""
        return self._network.weights

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare the width, where there is a choice; the architecture is fixed."""
        if not self._network.alphas:
            return {}
        available = sorted({found.values["alpha"] for found in weights}) or self._network.alphas
        return {"alpha": CategoricalDistribution(tuple(available))}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """Frozen first, because it is cheap and good; then fine-tuned from the upper third.

        The widest network that has weights, or a slim one without any.
        """
        available = [found.values["alpha"] for found in weights if "alpha" in found.values]
        alphas = available or self._network.alphas[:1]
        width = {"alpha": max(alphas)} if alphas else {}
        if not weights:
            return ({"train": "scratch", "learning_rate": 1e-3, **width},)
        finetune = {"train": "finetune", "unfreeze": 0.35, "augmentation": 0.3}
        return (
            {"train": "frozen", "learning_rate": 1e-3, **width},
            {**finetune, "learning_rate": 1e-4, **width},
        )

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network between its preprocessing and a global average.

        Raises:
            ConfigurationError: the images are too small for it.
        """
        import keras

        from automedimg_backbones.scaling import as_colour, complete_normalization, scaled

        height, width, _ = input_shape
        if min(height, width) < self.min_side:
            raise ConfigurationError(
                f"{self._network.name} takes images of {self.min_side} pixels or more, "
                f"not of {height} x {width}",
                f"say `--image-size {self.min_side}` or more",
            )
        construct = getattr(keras.applications, self._network.constructor)
        network = construct(
            input_shape=(height, width, 3), include_top=False, weights=None, **values
        )
        if weights is not None:
            network.load_weights(weights)
        complete_normalization(network, loaded=weights is not None)
        image = keras.Input(input_shape, name="image")
        pixels = scaled(as_colour(image), self._network.scaling)
        # Grad-CAM needs a layer of this model itself; those inside a nested one are out of reach.
        maps = keras.layers.Activation("linear", name="gradcam")(network(pixels))
        features = keras.layers.GlobalAveragePooling2D()(maps)
        return BuiltBackbone(keras.Model(image, features), "gradcam")
