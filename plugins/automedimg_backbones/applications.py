"""Networks of `keras.applications`, with their ImageNet weights and preprocessing inside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from automedimg.contracts import Backbone, BuiltBackbone, Space, TrainMode, Weights

if TYPE_CHECKING:
    import keras

HOST = "https://storage.googleapis.com/tensorflow/keras-applications"


class _Application(Backbone):
    """A network whose inputs are scaled to [-1, 1] and whose last map is averaged."""

    modes: tuple[TrainMode, ...] = ("frozen", "finetune", "scratch")

    @abstractmethod
    def network(self, input_shape: tuple[int, int, int], values: Mapping[str, Any]) -> keras.Model:
        """Build it without its top and with random weights: (N, H, W, 3) to (N, h, w, D)."""

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare nothing: the architecture is fixed."""
        del weights
        return {}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """Frozen first, because it is cheap and good; then fine-tuned from the upper third."""
        if not weights:
            return ({"train": "scratch", "learning_rate": 1e-3},)
        return (
            {"train": "frozen", "learning_rate": 1e-3},
            {"train": "finetune", "unfreeze": 0.35, "learning_rate": 1e-4, "augmentation": 0.3},
        )

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        """Build the network between its preprocessing and a global average."""
        import keras

        height, width, channels = input_shape
        network = self.network((height, width, 3), values)
        if weights is not None:
            network.load_weights(weights)
        image = keras.Input(input_shape, name="image")
        rgb = keras.layers.Concatenate()([image] * 3) if channels == 1 else image
        scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(rgb)
        # Grad-CAM needs a layer of this model itself; those inside a nested one are out of reach.
        maps = keras.layers.Activation("linear", name="gradcam")(network(scaled))
        features = keras.layers.GlobalAveragePooling2D()(maps)
        return BuiltBackbone(keras.Model(image, features), "gradcam")


class _MobileNet(_Application):
    """A MobileNet: its width `alpha` is searched among the widths that have weights."""

    alphas: tuple[float, ...]

    def space(self, weights: Sequence[Weights]) -> Space:
        """Declare the width."""
        available = sorted({found.values["alpha"] for found in weights}) or self.alphas
        return {"alpha": CategoricalDistribution(tuple(available))}

    def defaults(self, weights: Sequence[Weights]) -> Sequence[Mapping[str, Any]]:
        """Start with the widest network that has weights, or a slim one without any."""
        available = [found.values["alpha"] for found in weights]
        alpha = max(available) if available else self.alphas[0]
        return tuple({**values, "alpha": alpha} for values in super().defaults(weights))


class MobileNet(_MobileNet):
    """Howard et al. (2017)."""

    alphas = (0.25, 0.5, 0.75, 1.0)

    def weights(self) -> Sequence[Weights]:
        """ImageNet weights of all four widths."""
        return tuple(
            _imagenet(
                {"alpha": alpha},
                f"mobilenet_{alpha:.2f}_224.weights.h5",
                f"mobilenet/mobilenet_{text}_224_tf_no_top.h5",
            )
            for alpha, text in zip(self.alphas, ("2_5", "5_0", "7_5", "1_0"), strict=True)
        )

    def network(self, input_shape: tuple[int, int, int], values: Mapping[str, Any]) -> keras.Model:
        """Build it."""
        import keras

        return keras.applications.MobileNet(
            input_shape, alpha=values["alpha"], include_top=False, weights=None
        )


class MobileNetV2(_MobileNet):
    """Sandler et al. (2018)."""

    alphas = (0.35, 0.5, 0.75, 1.0)

    def weights(self) -> Sequence[Weights]:
        """ImageNet weights of the searched widths."""
        return tuple(
            _imagenet(
                {"alpha": alpha},
                f"mobilenetv2_{alpha:.2f}_224.weights.h5",
                f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
            )
            for alpha in self.alphas
        )

    def network(self, input_shape: tuple[int, int, int], values: Mapping[str, Any]) -> keras.Model:
        """Build it."""
        import keras

        return keras.applications.MobileNetV2(
            input_shape, alpha=values["alpha"], include_top=False, weights=None
        )


class ResNet50V2(_Application):
    """He et al. (2016)."""

    def weights(self) -> Sequence[Weights]:
        """ImageNet weights."""
        return (
            _imagenet(
                {},
                "resnet50v2_224.weights.h5",
                "resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
                md5="fac2f116257151a9d068a22e544a4917",
            ),
        )

    def network(self, input_shape: tuple[int, int, int], values: Mapping[str, Any]) -> keras.Model:
        """Build it."""
        import keras

        del values
        return keras.applications.ResNet50V2(
            include_top=False, weights=None, input_shape=input_shape
        )


def _imagenet(values: Mapping[str, Any], file: str, remote: str, md5: str = "") -> Weights:
    return Weights("imagenet", values, (file, remote.rpartition("/")[2]), f"{HOST}/{remote}", md5)
