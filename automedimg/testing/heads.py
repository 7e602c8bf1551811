"""The checks of a head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.contracts import FittedHead, Head, HeadSpec
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

NUM_FEATURES = 24
NUM_CLASSES = (2, 5)


class HeadSubject(KerasSubject[HeadSpec]):
    """A head under test."""

    def values(self) -> list[dict[str, Any]]:
        """Each of the defaults, completed, and values that are no default."""
        space = self.component.space()
        return [any_values(space, given) for given in (*self.component.defaults(), {})]

    def built(self) -> Iterator[tuple[str, int, Any]]:
        """Yield (description, number of classes, model) for all of `values` and `NUM_CLASSES`."""
        for values in self.values():
            for num_classes in NUM_CLASSES:
                what, model = self.make(num_classes, values)
                yield what, num_classes, model

    def make(self, num_classes: int, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Build the classifier, or fit it to examples; return (description, model)."""
        if not isinstance(self.component, FittedHead):
            what = f"build for {num_classes} classes at {values}"
            return what, self.component.build(NUM_FEATURES, num_classes, values)
        features, labels = _examples(num_classes)
        groups = np.arange(len(labels)) // 2
        what = f"fit to {num_classes} classes at {values}"
        return what, self.component.fit(features, labels, groups, num_classes, values, 0)


def check_spec(subject: HeadSubject) -> None:
    """The name and the summary can be listed."""
    expect_name_and_summary(subject.spec, "a-z0-9_-", "lower case, digits, underscores, hyphens")


def check_is_a_head(subject: HeadSubject) -> None:
    """The factory returns a `Head` or a `FittedHead`."""
    component = subject.component
    either = isinstance(component, Head | FittedHead)
    expect(either, "factory", type(component).__name__, "a Head or a FittedHead")


def check_space(subject: HeadSubject) -> None:
    """The space is sound."""
    expect_sound_space(subject.component.space(), "space")


def check_defaults(subject: HeadSubject) -> None:
    """Defaults set declared parameters to values that may be chosen."""
    space = subject.component.space()
    for index, default in enumerate(subject.component.defaults()):
        expect_in_space(default, space, f"default {index}")


def check_refuses_nonsense(subject: HeadSubject) -> None:
    """A fixed value that means nothing is refused with a `ValueError`."""
    expect_refuses_nonsense(subject.component, subject.component.space())


def check_builds_logits(subject: HeadSubject) -> None:
    """Features (N, D) become finite float32 logits, one column a class; one will do for two."""
    features = _features()
    for what, num_classes, model in subject.built():
        expect_model(model, what)
        logits = outputs(model, features)
        expect_finite_rows(logits, len(features), what)
        columns = logits.shape[1]
        fits = columns == num_classes or (columns, num_classes) == (1, 2)
        expect(fits, what, f"{columns} columns", f"{num_classes}, one a class")


def check_builds_all_choices(subject: HeadSubject) -> None:
    """Each choice, and either end of each range, can be built."""
    space = subject.component.space()
    for values in variants(space, subject.values()[0]):
        try:
            subject.make(NUM_CLASSES[0], values)
        except Exception as error:
            received = f"{type(error).__name__}: {error}"
            raise ContractError(f"at {values}: got {received}, expected a classifier") from error


def check_gives_no_probabilities(subject: HeadSubject) -> None:
    """The softmax is the caller's: strong features push logits out of [0, 1]."""
    for what, _, model in subject.built():
        logits = outputs(model, 100 * _features())
        inside = bool(((logits >= 0) & (logits <= 1)).all())
        expect(not inside, what, "only values in [0, 1]", "logits, before any softmax or sigmoid")


def check_can_be_trained(subject: HeadSubject) -> None:
    """There are weights to train; what is fitted tells the classes apart that it was fitted to."""
    fitted = isinstance(subject.component, FittedHead)
    for what, num_classes, model in subject.built():
        if not fitted:
            expect(model.trainable_weights, what, "no trainable weights", "some")
            continue
        features, labels = _examples(num_classes)
        right = float((outputs(model, features).argmax(axis=1) == labels).mean())
        expect(right > 0.9, what, f"{right:.0%} of its own examples right", "90 % or more")


def check_fits_the_same_again(subject: HeadSubject) -> None:
    """Fitted again with the same seed, a fitted head is the same; the caller's data are not."""
    if not isinstance(subject.component, FittedHead):
        return
    values = subject.values()[0]
    what, first = subject.make(NUM_CLASSES[1], values)
    _, second = subject.make(NUM_CLASSES[1], values)
    expect_same(outputs(first, _features()), outputs(second, _features()), f"{what}, twice")
    _, labels = _examples(NUM_CLASSES[1])
    kept = labels.copy()
    subject.component.fit(_examples(NUM_CLASSES[1])[0], labels, None, NUM_CLASSES[1], values, 1)
    expect((kept == labels).all(), what, "changed labels", "them left alone")


def check_fits_what_lacks_a_class(subject: HeadSubject) -> None:
    """Where the training images lack a class, there is a logit for it all the same."""
    if not isinstance(subject.component, FittedHead):
        return
    num_classes = NUM_CLASSES[1]
    features, labels = _examples(num_classes)
    rest = labels != 1
    model = subject.component.fit(
        features[rest], labels[rest], None, num_classes, subject.values()[0], 0
    )
    logits, what = outputs(model, features), "fit without examples of a class"
    expect_finite_rows(logits, len(features), what)
    expect(logits.shape[1] == num_classes, what, f"{logits.shape[1]} columns", str(num_classes))
    seldom = float((logits.argmax(axis=1) == 1).mean())
    expect(seldom == 0.0, what, f"that class in {seldom:.0%} of the rows", "never")


def check_survives_saving(subject: HeadSubject) -> None:
    """Saved and loaded in safe mode, the classifier gives the same logits."""
    for _, _, model in subject.built():
        expect_survives_saving(model, _features())


def _features() -> Floats32:
    return np.random.default_rng(0).normal(size=(16, NUM_FEATURES)).astype(np.float32)


def _examples(num_classes: int) -> tuple[Floats32, npt.NDArray[np.int64]]:
    """Eight rows a class, float32 (8 K, D), around centres far from each other; their labels."""
    rng = np.random.default_rng(num_classes)
    labels = np.repeat(np.arange(num_classes), 8)
    centres = 3.0 * rng.normal(size=(num_classes, NUM_FEATURES))
    noise = rng.normal(size=(len(labels), NUM_FEATURES))
    return (centres[labels] + noise).astype(np.float32), labels.astype(np.int64)


CHECKS = (
    check_spec,
    check_is_a_head,
    check_space,
    check_defaults,
    check_refuses_nonsense,
    check_builds_logits,
    check_builds_all_choices,
    check_gives_no_probabilities,
    check_can_be_trained,
    check_fits_the_same_again,
    check_fits_what_lacks_a_class,
    check_survives_saving,
)
