"""The checks of a head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from automedimg.contracts import Head, HeadSpec
from automedimg.testing.networks import (
    Floats32,
    KerasSubject,
    expect_finite_rows,
    expect_model,
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
                model = self.component.build(NUM_FEATURES, num_classes, values)
                yield f"build for {num_classes} classes at {values}", num_classes, model


def check_spec(subject: HeadSubject) -> None:
    """The name and the summary can be listed."""
    expect_name_and_summary(subject.spec, "a-z0-9_-", "lower case, digits, underscores, hyphens")


def check_is_a_head(subject: HeadSubject) -> None:
    """The factory returns a `Head`."""
    component = subject.component
    expect(isinstance(component, Head), "factory", type(component).__name__, "a Head")


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
            subject.component.build(NUM_FEATURES, NUM_CLASSES[0], values)
        except Exception as error:
            received = f"{type(error).__name__}: {error}"
            raise ContractError(
                f"build at {values}: got {received}, expected a classifier"
            ) from error


def check_gives_no_probabilities(subject: HeadSubject) -> None:
    """The softmax is the caller's: strong features push logits out of [0, 1]."""
    for what, _, model in subject.built():
        logits = outputs(model, 100 * _features())
        inside = bool(((logits >= 0) & (logits <= 1)).all())
        expect(not inside, what, "only values in [0, 1]", "logits, before any softmax or sigmoid")


def check_can_be_trained(subject: HeadSubject) -> None:
    """There are weights to train."""
    for what, _, model in subject.built():
        expect(model.trainable_weights, what, "no trainable weights", "some")


def check_survives_saving(subject: HeadSubject) -> None:
    """Saved and loaded in safe mode, the classifier gives the same logits."""
    for _, _, model in subject.built():
        expect_survives_saving(model, _features())


def _features() -> Floats32:
    return np.random.default_rng(0).normal(size=(16, NUM_FEATURES)).astype(np.float32)


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
    check_survives_saving,
)
