"""The checks of backbones and heads catch what breaks them."""

from types import MappingProxyType

import keras
import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from automedimg.contracts import (
    Backbone,
    BackboneSpec,
    BuiltBackbone,
    FittedHead,
    Head,
    HeadSpec,
    Weights,
    When,
)

WEIGHTS = tuple(Weights("imagenet", {"width": width}, (f"w{width}.h5",)) for width in (4, 8))


class Sound(Backbone):
    modes = ("frozen", "scratch")
    layer = "map"

    def weights(self):
        return WEIGHTS

    def space(self, weights):
        offered = tuple(found.values["width"] for found in weights) or (4, 8)
        return {
            "width": CategoricalDistribution(offered),
            "rate": When("width", (8,), FloatDistribution(0.0, 0.5)),
        }

    def defaults(self, weights):
        return ({"width": 4, "train": "scratch", "learning_rate": 1e-3},)

    def build(self, input_shape, values, weights):
        image = keras.Input(input_shape)
        x = keras.layers.Rescaling(1 / 255)(image)
        x = keras.layers.Conv2D(values["width"], 3, strides=4, name="map")(x)
        return BuiltBackbone(keras.Model(image, self.top(x)), self.layer)

    def top(self, x):
        return keras.layers.GlobalAveragePooling2D()(x)


class ColourOnly(Sound):
    def build(self, input_shape, values, weights):
        return super().build((*input_shape[:2], 3), values, weights)


class Maps(Sound):
    def top(self, x):
        return x


class HalfPrecision(Sound):
    def top(self, x):
        return keras.ops.cast(super().top(x), "float16")


class Divides(Sound):
    def top(self, x):
        features = super().top(x)
        return features / (features - features)


class OtherBatch(Sound):
    def top(self, x):
        features = super().top(x)
        return features - keras.ops.mean(features, axis=0, keepdims=True)


class NoLayer(Sound):
    layer = "other"


class Flat(Sound):
    def top(self, x):
        return keras.layers.GlobalAveragePooling2D(name="flat")(x)

    layer = "flat"


class Code(Sound):
    def top(self, x):
        return keras.layers.Lambda(lambda y: y * 2)(super().top(x))


class LowRates(Sound):
    def build(self, input_shape, values, weights):
        if values.get("rate") == 0.5:
            raise ValueError("too high")
        return super().build(input_shape, values, weights)


class NoModes(Sound):
    modes = ()


class OddModes(Sound):
    modes = ("scratch", "transfer")


class OtherWeights(Sound):
    def space(self, weights):
        return {"width": CategoricalDistribution((4, 8))}


class BadFile(Sound):
    def weights(self):
        return (Weights("imagenet", {"width": 4}, ("folder/w.h5",)),)


class BadChecksum(Sound):
    def weights(self):
        return (Weights("imagenet", {"width": 4}, ("w.h5",), sha256="abc"),)


class NoSide(Sound):
    min_side = 0


class Credulous(Sound):
    def accept(self, name, value):
        return value


class Clumsy(Sound):
    def accept(self, name, value):
        return int(value[99])


class LargeOnly(Sound):
    min_side = 80

    def build(self, input_shape, values, weights):
        if min(input_shape[:2]) < 80:
            raise ValueError("too small")
        return super().build(input_shape, values, weights)


class Fixed(Sound):
    """Declares `own`, has no weights, and sets `chosen`."""

    own = MappingProxyType({})
    chosen = MappingProxyType({})

    def weights(self):
        return ()

    def space(self, weights):
        return {"width": CategoricalDistribution((4, 8)), **self.own}

    def defaults(self, weights):
        return (self.chosen,)


class Describes(Fixed):
    """A fixed descriptor with a learnt part."""

    modes = ("frozen",)
    draws = False
    fit_only = ("parts",)
    own = MappingProxyType({"parts": IntDistribution(1, 3)})
    layer = ""
    start = "ones"

    def build(self, input_shape, values, weights):
        image = keras.Input(input_shape)
        x = keras.layers.Rescaling(1 / 255)(image)
        layer = keras.layers.Conv2D(3, 8, strides=8, kernel_initializer=self.start)
        return BuiltBackbone(keras.Model(image, keras.layers.Flatten()(layer(x))), self.layer)

    def fit(self, features, values, seed):
        _, _, axes = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
        return self.dense(axes[: values["parts"]].T)

    def dense(self, kernel):
        layer = keras.layers.Dense(kernel.shape[1], use_bias=False)
        features = keras.Input((len(kernel),))
        model = keras.Model(features, layer(features))
        layer.set_weights([kernel])
        return model


class Draws(Describes):
    start = "glorot_uniform"


class FitsAnew(Describes):
    count = 0

    def fit(self, features, values, seed):
        FitsAnew.count += 1
        return self.dense(features[FitsAnew.count : FitsAnew.count + 2].T)


class FitsNothing(Fixed):
    fit_only = ("width",)


class ReadsUndeclared(Describes):
    fit_only = ("components",)


class OddHead(Fixed):
    chosen = MappingProxyType({"head": 3})


@pytest.mark.parametrize("backbone", [Describes, type("H", (Fixed,), {"chosen": {"head": "svm"}})])
def test_a_sound_descriptor_passes(failing, backbone):
    assert failing(backbones=[BackboneSpec("it", "It", backbone)]) == {}


@pytest.mark.parametrize("backbone", [Sound, LargeOnly])
def test_a_sound_backbone_passes(failing, backbone):
    assert failing(backbones=[BackboneSpec("it", "It", backbone)]) == {}


@pytest.mark.parametrize(
    ("backbone", "check"),
    [
        (ColourOnly, "builds_features"),
        (Maps, "builds_features"),
        (HalfPrecision, "builds_features"),
        (Divides, "builds_features"),
        (LowRates, "builds_all_choices"),
        (OtherBatch, "images_are_independent"),
        (NoLayer, "gradcam_layer"),
        (Flat, "gradcam_layer"),
        (Code, "survives_saving"),
        (NoModes, "modes"),
        (OddModes, "modes"),
        (OtherWeights, "space_fits_weights"),
        (BadFile, "weights"),
        (BadChecksum, "weights"),
        (NoSide, "min_side"),
        (Credulous, "refuses_nonsense"),
        (Clumsy, "refuses_nonsense"),
        (Draws, "draws_what_it_says"),
        (FitsAnew, "fits_features"),
        (FitsNothing, "fits_features"),
        (ReadsUndeclared, "fits_features"),
        (OddHead, "defaults"),
    ],
)
def test_broken_backbones_are_caught(failing, backbone, check):
    assert check in failing((check,), backbones=[BackboneSpec("it", "It", backbone)])


@pytest.mark.parametrize(
    "own",
    [
        {"depth": (1, 2)},
        {"a.b": IntDistribution(1, 2)},
        {"learning_rate": FloatDistribution(0, 1)},
        {"early": When("later", (1,), IntDistribution(1, 2)), "later": IntDistribution(1, 2)},
        {"depth": When("width", (5,), IntDistribution(1, 2))},
        {"depth": When("width", (), IntDistribution(1, 2))},
    ],
    ids=str,
)
def test_unsound_spaces_are_caught(failing, own):
    backbone = type("Odd", (Fixed,), {"own": own})
    assert "space" in failing(("space",), backbones=[BackboneSpec("it", "It", backbone)])


@pytest.mark.parametrize(
    "chosen",
    [{"width": 5}, {"widht": 4}, {"learning_rate": 1.0}, {"train": "finetune"}, {"width": "4"}],
    ids=str,
)
def test_unsound_defaults_are_caught(failing, chosen):
    backbone = type("Odd", (Fixed,), {"chosen": chosen})
    assert "defaults" in failing(("defaults",), backbones=[BackboneSpec("it", "It", backbone)])


class Linear(Head):
    def space(self):
        return {"units": IntDistribution(4, 8)}

    def defaults(self):
        return ({"units": 6},)

    def build(self, num_features, num_classes, values):
        features = keras.Input((num_features,))
        hidden = keras.layers.Dense(values["units"])(features)
        return keras.Model(features, self.top(hidden, num_classes))

    def top(self, x, num_classes):
        return keras.layers.Dense(num_classes)(x)


class Softmax(Linear):
    def top(self, x, num_classes):
        return keras.layers.Softmax()(super().top(x, num_classes))


class OneLogit(Linear):
    def top(self, x, num_classes):
        return super().top(x, 1)


class OneLogitOfTwo(Linear):
    def top(self, x, num_classes):
        return super().top(x, 1 if num_classes == 2 else num_classes)


class NoWeights(Linear):
    def build(self, num_features, num_classes, values):
        features = keras.Input((num_features,))
        return keras.Model(features, features[:, :num_classes])


class CodeHead(Linear):
    def top(self, x, num_classes):
        return keras.layers.Lambda(lambda y: y * 2)(super().top(x, num_classes))


class FewUnits(Linear):
    def build(self, num_features, num_classes, values):
        return super().build(num_features, num_classes, {"units": 12 // (8 - values["units"])})


class FarDefault(Linear):
    def defaults(self):
        return ({"units": 99},)


class OddSpace(Linear):
    def space(self):
        return {"units": [4, 8]}


class Means(FittedHead):
    """The nearest mean, as a linear classifier."""

    def space(self):
        return {"strength": FloatDistribution(0.5, 2.0)}

    def fit(self, features, labels, groups, num_classes, values, seed):
        kernel = np.zeros((features.shape[1], num_classes), np.float32)
        bias = np.full(num_classes, -1e4, np.float32)
        for k in np.unique(labels):
            mean = features[labels == k].mean(axis=0)
            kernel[:, k], bias[k] = mean, -(mean**2).sum() / 2
        return self.dense(kernel * values["strength"], bias * values["strength"])

    def dense(self, kernel, bias):
        layer = keras.layers.Dense(len(bias))
        features = keras.Input((len(kernel),))
        model = keras.Model(features, layer(features))
        layer.set_weights([kernel, bias])
        return model


class Guesses(Means):
    def dense(self, kernel, bias):
        return super().dense(-kernel, bias)


class OnlyKnown(Means):
    def dense(self, kernel, bias):
        return super().dense(kernel[:, bias > -1e4], bias[bias > -1e4])


class Unseeded(Means):
    def dense(self, kernel, bias):
        return super().dense(kernel + np.random.default_rng().normal(size=kernel.shape), bias)


class ChangesLabels(Means):
    def fit(self, features, labels, *rest):
        model = super().fit(features, labels, *rest)
        labels[:] = 0
        return model


@pytest.mark.parametrize("head", [Linear, Means])
def test_a_sound_head_passes(failing, head):
    assert failing(heads=[HeadSpec("it", "It", head)]) == {}


def test_one_logit_is_enough_for_two_classes(failing):
    assert failing(heads=[HeadSpec("it", "It", OneLogitOfTwo)]) == {}


@pytest.mark.parametrize(
    ("head", "check"),
    [
        (Softmax, "gives_no_probabilities"),
        (OneLogit, "builds_logits"),
        (FewUnits, "builds_all_choices"),
        (NoWeights, "can_be_trained"),
        (CodeHead, "survives_saving"),
        (FarDefault, "defaults"),
        (OddSpace, "space"),
        (Guesses, "can_be_trained"),
        (OnlyKnown, "fits_what_lacks_a_class"),
        (Unseeded, "fits_the_same_again"),
        (ChangesLabels, "fits_the_same_again"),
    ],
)
def test_broken_heads_are_caught(failing, head, check):
    assert check in failing((check,), heads=[HeadSpec("it", "It", head)])
