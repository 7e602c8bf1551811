"""The checks of a backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
from optuna.distributions import CategoricalDistribution

from automedimg.contracts import (
    Backbone,
    BackboneSpec,
    BuiltBackbone,
    TrainMode,
    Weights,
    distribution_of,
)
from automedimg.testing.networks import (
    Floats32,
    KerasSubject,
    expect_finite_rows,
    expect_model,
    expect_same,
    expect_survives_saving,
    outputs,
)
from automedimg.testing.spaces import (
    any_values,
    expect_in_space,
    expect_refuses_nonsense,
    expect_sound_space,
    variants,
)
from automedimg.testing.subject import ContractError, expect, expect_name_and_summary
from automedimg.training.parameters import fit_space

SIDE = 64
"""Height and width in pixels of the images that a backbone is tried on, or the least it takes."""


class BackboneSubject(KerasSubject[BackboneSpec]):
    """A backbone under test; its network is built once for each number of channels."""

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__(spec)
        self._built: dict[int, BuiltBackbone] = {}

    def values(self) -> dict[str, Any]:
        """The first default's values, completed; those that a search without weights starts at."""
        defaults = list(self.component.defaults(()))
        return any_values(self.component.space(()), defaults[0] if defaults else {})

    @property
    def side(self) -> int:
        """Height and width of the images that it is tried on, in pixels."""
        return max(SIDE, int(self.component.min_side))

    def built(self, channels: int = 3) -> BuiltBackbone:
        """The network at `values`, with random weights."""
        if channels not in self._built:
            shape = (self.side, self.side, channels)
            self._built[channels] = self.component.build(shape, self.values(), None)
        return self._built[channels]


def check_spec(subject: BackboneSubject) -> None:
    """The name has lower case, digits and underscores; cost and tags can be listed."""
    spec = subject.spec
    expect_name_and_summary(spec, "a-z0-9_", "lower case, digits, underscores")
    expect(spec.gmacs >= 0, "gmacs", spec.gmacs, "0 or more")
    strings = isinstance(spec.tags, tuple) and all(isinstance(tag, str) for tag in spec.tags)
    expect(strings, "tags", repr(spec.tags), "a tuple of strings")


def check_is_a_backbone(subject: BackboneSubject) -> None:
    """The factory returns a `Backbone`."""
    component = subject.component
    expect(isinstance(component, Backbone), "factory", type(component).__name__, "a Backbone")


def check_min_side(subject: BackboneSubject) -> None:
    """`min_side` is a whole number of pixels."""
    side = subject.component.min_side
    whole = isinstance(side, int) and not isinstance(side, bool) and side >= 1
    expect(whole, "min_side", repr(side), "a whole number, 1 or more")


def check_modes(subject: BackboneSubject) -> None:
    """`modes` names one or more ways of training, each once."""
    modes, known = subject.component.modes, get_args(TrainMode)
    sound = isinstance(modes, tuple) and modes and set(modes) <= set(known)
    distinct = len(set(modes)) == len(modes)
    expect(sound and distinct, "modes", repr(modes), f"a tuple of some of {', '.join(known)}")


def check_weights(subject: BackboneSubject) -> None:
    """Each weight file has a plain file name and values that the space declares."""
    space = subject.component.space(())
    for weights in subject.component.weights():
        what = f"weights {dict(weights.values)}"
        plain = weights.files and all(file and not set(file) & set("/\\") for file in weights.files)
        expect(plain, f"{what}, files", repr(weights.files), "file names without folders")
        secure = weights.url == "" or weights.url.startswith("https://")
        expect(secure, f"{what}, url", repr(weights.url), "an https address, or nothing")
        checksum = weights.md5 == "" or len(weights.md5) == 32
        expect(checksum, f"{what}, md5", repr(weights.md5), "32 hexadecimal digits, or nothing")
        checksum = weights.sha256 == "" or len(weights.sha256) == 64
        expect(checksum, f"{what}, sha256", repr(weights.sha256), "64 of them, or nothing")
        expect_in_space(weights.values, space, what)


def check_space(subject: BackboneSubject) -> None:
    """The space is sound with and without weights, and claims no parameter of training itself."""
    reserved = {"train", *fit_space()}
    for weights in _possible_weights(subject):
        space = subject.component.space(weights)
        expect_sound_space(space, _with("space", weights))
        taken = sorted(reserved & set(space))
        expect(not taken, _with("space", weights), taken, "no name that training itself uses")


def check_space_fits_weights(subject: BackboneSubject) -> None:
    """With one weight file found, what selects a file offers only what that file fits."""
    for weights in subject.component.weights():
        space = subject.component.space((weights,))
        for name, value in weights.values.items():
            what = _with(f"space, `{name}`", (weights,))
            expect(name in space, what, "nothing", f"a parameter that can be {value!r}")
            offered = distribution_of(space[name])
            only = isinstance(offered, CategoricalDistribution) and set(offered.choices) == {value}
            expect(only or offered.single(), what, offered, f"only {value!r}")
            expect_in_space({name: value}, space, what)


def check_defaults(subject: BackboneSubject) -> None:
    """Defaults set declared parameters, or those of training, to values that may be chosen.

    They may also name a head.
    """
    training = {**fit_space(), "train": CategoricalDistribution(subject.component.modes)}
    for weights in _possible_weights(subject):
        space = {**training, **subject.component.space(weights)}
        for index, default in enumerate(subject.component.defaults(weights)):
            what = _with(f"default {index}", weights)
            head = default.get("head", "") if isinstance(default, Mapping) else ""
            expect(isinstance(head, str), what, f"the head {head!r}", "the name of a head")
            own = {k: v for k, v in dict(default).items() if k != "head" or k in space}
            expect_in_space(own, space, what)


def check_refuses_nonsense(subject: BackboneSubject) -> None:
    """A fixed value that means nothing is refused with a `ValueError`."""
    expect_refuses_nonsense(subject.component, subject.component.space(()))


def check_builds_features(subject: BackboneSubject) -> None:
    """Grey and colour images, black and white ones among them, become finite features (N, D)."""
    for channels in (3, 1):
        size = (subject.side, subject.side, channels)
        what = f"build for {size}"
        built = subject.built(channels)
        expect(isinstance(built, BuiltBackbone), what, type(built).__name__, "a BuiltBackbone")
        expect_model(built.model, what)
        shape = tuple(built.model.input_shape)
        expect(shape == (None, *size), what, f"the input {shape}", "its images")
        images = _images(subject.side, channels)
        features = outputs(built.model, images)
        expect_finite_rows(features, len(images), f"{what}, features")
        declared = built.model.output_shape[-1]
        expect(declared == features.shape[1], what, f"the width {declared}", "a fixed D")


def check_builds_all_choices(subject: BackboneSubject) -> None:
    """Each choice, and either end of each range, can be built."""
    space = subject.component.space(())
    for values in variants(space, subject.values()):
        try:
            subject.component.build((subject.side, subject.side, 3), values, None)
        except Exception as error:
            received = f"{type(error).__name__}: {error}"
            raise ContractError(f"build at {values}: got {received}, expected a network") from error


def check_images_are_independent(subject: BackboneSubject) -> None:
    """In inference, an image's features don't depend on the images beside it."""
    model, images = subject.built().model, _images(subject.side, 3)
    alone = np.concatenate([outputs(model, image[None]) for image in images])
    expect_same(alone, outputs(model, images), "features of images in a batch and alone")


def check_gradcam_layer(subject: BackboneSubject) -> None:
    """The layer that Grad-CAM reads is in the model, and gives maps (N, h, w, c); or none is."""
    built = subject.built()
    if built.gradcam_layer == "":
        return
    names = [layer.name for layer in built.model.layers]
    layer = built.gradcam_layer
    expect(layer in names, "gradcam_layer", repr(layer), f"one of {', '.join(names[-8:])}")
    shape = tuple(built.model.get_layer(layer).output.shape)
    expect(len(shape) == 4, "gradcam_layer", f"the output {shape}", "four axes: (N, h, w, c)")


def check_survives_saving(subject: BackboneSubject) -> None:
    """Saved and loaded in safe mode, the network gives the same features."""
    expect_survives_saving(subject.built().model, _images(subject.side, 3))


def _possible_weights(subject: BackboneSubject) -> list[Sequence[Weights]]:
    """No weights found, and all of them."""
    known = tuple(subject.component.weights())
    return [(), known] if known else [()]


def _with(what: str, weights: Sequence[Weights]) -> str:
    names: list[Mapping[str, Any]] = [dict(found.values) for found in weights]
    return f"{what} with weights {names}" if weights else f"{what} without weights"


def _images(side: int, channels: int) -> Floats32:
    """A black, a white and four noisy images in [0, 255], shape (6, side, side, channels)."""
    images = np.zeros((6, side, side, channels), np.float32)
    images[1] = 255
    images[2:] = np.random.default_rng(0).integers(0, 256, images[2:].shape)
    return images


def check_fits_features(subject: BackboneSubject) -> None:
    """What is learnt from features is learnt from them alone, and gives finite features (N, E)."""
    component, values = subject.component, subject.values()
    names = sorted(set(component.fit_only) - set(component.space(())))
    expect(not names, "fit_only", names, "parameters that are declared")
    if type(component).fit is Backbone.fit or "frozen" not in component.modes:
        expect(not component.fit_only, "fit_only", component.fit_only, "nothing: there is no fit")
        return
    features = outputs(subject.built().model, _noise())
    first, second = (component.fit(features.copy(), values, 0) for _ in range(2))
    if first is None:
        return
    expect_model(first, "fit")
    reduced = outputs(first, features)
    expect_finite_rows(reduced, len(features), "fit, features")
    expect_same(reduced, outputs(second, features), "features of two fits to the same")
    alone = np.concatenate([outputs(first, row[None]) for row in features])
    expect_same(alone, reduced, "fit, features of images in a batch and alone")
    expect_survives_saving(first, features)


def check_draws_what_it_says(subject: BackboneSubject) -> None:
    """A backbone that draws no weights gives the same features after any seed."""
    if subject.component.draws:
        return
    import keras

    images, values = _images(subject.side, 3), subject.values()
    keras.utils.set_random_seed(1)
    other = subject.component.build((subject.side, subject.side, 3), values, None)
    again = outputs(other.model, images)
    keras.utils.set_random_seed(2)
    expect_same(outputs(subject.built().model, images), again, "features after another seed")


def _noise() -> Floats32:
    """Twenty-four noisy images in [0, 255], each of its own brightness and grain."""
    rng = np.random.default_rng(1)
    grain = rng.integers(1, 256, (24, 1, 1, 1))
    return (rng.integers(0, 256, (24, SIDE, SIDE, 3)) % grain).astype(np.float32)


CHECKS = (
    check_spec,
    check_is_a_backbone,
    check_min_side,
    check_modes,
    check_weights,
    check_space,
    check_space_fits_weights,
    check_defaults,
    check_refuses_nonsense,
    check_builds_features,
    check_builds_all_choices,
    check_images_are_independent,
    check_gradcam_layer,
    check_survives_saving,
    check_fits_features,
    check_draws_what_it_says,
)
