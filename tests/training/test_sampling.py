"""An epoch's images: as frequent as was asked for, anew each epoch, the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automedimg.errors import ConfigurationError
from automedimg.training.backend import load_keras
from automedimg.training.sampling import SAMPLINGS, draw_epoch, epoch_size

LABELS = np.repeat([0, 1, 2], [50, 7, 20])


def counts(drawn: Any, labels: Any = LABELS) -> list[int]:
    return np.bincount(labels[drawn]).tolist()


def test_without_sampling_every_image_comes_once_as_it_always_did() -> None:
    drawn = draw_epoch(LABELS, "none", 3, 4)
    assert sorted(drawn) == list(range(77))
    assert np.array_equal(drawn, np.random.default_rng((3, 4)).permutation(77))


def test_oversampling_keeps_all_of_the_largest_and_repeats_the_others_evenly() -> None:
    drawn = draw_epoch(LABELS, "oversample", 0, 0)
    assert counts(drawn) == [50, 50, 50]
    times = np.bincount(drawn, minlength=77)
    assert set(times[:50]) == {1}
    assert set(times[50:57]) == {7, 8}
    assert set(times[57:]) == {2, 3}


def test_undersampling_cuts_to_the_smallest_and_repeats_nothing() -> None:
    drawn = draw_epoch(LABELS, "undersample", 0, 0)
    assert counts(drawn) == [7, 7, 7]
    assert len(set(drawn.tolist())) == 21


def test_what_is_cut_comes_in_other_epochs() -> None:
    seen = {int(i) for epoch in range(60) for i in draw_epoch(LABELS, "undersample", 0, epoch)}
    assert seen == set(range(77))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_seed_and_epoch_decide_and_nothing_else(sampling: str) -> None:
    first = draw_epoch(LABELS, sampling, 1, 2)
    assert np.array_equal(first, draw_epoch(LABELS, sampling, 1, 2))
    assert not np.array_equal(first, draw_epoch(LABELS, sampling, 1, 3))
    assert not np.array_equal(first, draw_epoch(LABELS, sampling, 2, 2))
    assert (np.diff(LABELS[first]) < 0).sum() > 3  # the classes are mixed


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array),
    sampling=st.sampled_from(SAMPLINGS),
    epoch=st.integers(0, 9),
)
def test_sizes_are_known_beforehand_and_classes_equal(
    labels: Any, sampling: str, epoch: int
) -> None:
    drawn = draw_epoch(labels, sampling, 0, epoch)
    assert len(drawn) == epoch_size(labels, sampling)
    assert set(labels[drawn]) == set(labels)
    if sampling != "none":
        assert len({count for count in counts(drawn, labels) if count}) == 1


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_balanced_data_keep_their_size(sampling: str) -> None:
    drawn = draw_epoch(np.arange(30) % 3, sampling, 0, 0)
    assert sorted(drawn) == list(range(30))


def test_an_unknown_sampling_is_named() -> None:
    with pytest.raises(ConfigurationError, match="`smote`; expected one of none, oversample"):
        epoch_size(LABELS, "smote")


class Recorded:
    """Wraps an array and notes which rows are read."""

    def __init__(self, array: Any) -> None:
        self.array, self.read = array, []

    def __getitem__(self, rows: Any) -> Any:
        self.read.append(rows)
        return self.array[rows]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_training_reads_what_was_drawn_epoch_by_epoch(sampling: str) -> None:
    keras = load_keras()
    from automedimg.training.batches import Batches

    source = Recorded(np.arange(200, dtype=np.float32)[:, None])
    rows = np.arange(77) * 2 + 1
    batches = Batches(source, rows, LABELS, np.ones(3), 16, 5, sampling)  # type: ignore[arg-type]
    steps = len(batches)
    assert steps == -(-epoch_size(LABELS, sampling) // 16)
    source.read.clear()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    model.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    seen: list[int] = []

    class Lead(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            batches.begin(epoch + 1)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(len(batches))

    # It begins with the third epoch, as a fit from a checkpoint does.
    model.fit(batches, initial_epoch=2, epochs=5, verbose=0, shuffle=False, callbacks=[Lead()])
    assert seen == [steps] * 3
    # Before the first epoch, Keras may look at some batches.
    read = np.concatenate(source.read)[-3 * epoch_size(LABELS, sampling) :]
    drawn = [draw_epoch(LABELS, sampling, 5, epoch) for epoch in (3, 4, 5)]
    assert read.tolist() == rows[np.concatenate(drawn)].tolist()


def test_batches_of_16_bit_images_are_scaled() -> None:
    load_keras()
    from automedimg.training.batches import Batches

    source = np.full((4, 2, 2, 1), 65535, np.uint16)
    batches = Batches(source, np.arange(4), np.arange(4) % 2, np.array([1.0, 3.0]), 4, 0)
    inputs, targets, weights = batches[0]
    assert inputs.dtype == np.float32
    assert (inputs == 255).all()
    np.testing.assert_array_equal(weights, np.where(targets[:, 1] == 1, 3.0, 1.0))
