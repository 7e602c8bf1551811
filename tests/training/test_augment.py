"""Augmentation changes training images, and nothing else."""

import numpy as np
import pytest

from automedimg.training.backend import load_keras


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    load_keras()
    images = np.zeros((8, 33, 33, 1), dtype=np.float32)
    images[:, 4:12, 4:12] = 200
    return images


def augment(images: np.ndarray, strength: float, training: bool, seed: int = 0) -> np.ndarray:
    from automedimg.training.augment import Augment

    return np.asarray(Augment(strength, seed)(images, training=training))


def test_prediction_and_strength_zero_leave_images_alone(images):
    np.testing.assert_array_equal(augment(images, 1.0, training=False), images)
    np.testing.assert_array_equal(augment(images, 0.0, training=True), images)


def test_images_are_changed_each_in_its_own_way(images):
    changed = augment(images, 0.7, training=True)
    assert changed.shape == images.shape
    assert changed.min() >= 0 and changed.max() <= 255
    differences = [np.abs(changed[0] - other).mean() for other in changed[1:]]
    assert min(differences) > 0.5


def test_the_same_seed_draws_the_same(images):
    np.testing.assert_array_equal(augment(images, 0.5, True), augment(images, 0.5, True))
    assert not np.array_equal(augment(images, 0.5, True), augment(images, 0.5, True, seed=1))


def test_a_faint_augmentation_is_a_mirror_or_nothing(images):
    """At strength near 0 the map is the identity or the mirror image, to the pixel."""
    changed = augment(images, 1e-6, training=True)
    mirrored = images[:, :, ::-1]
    kinds = {
        "same"
        if np.allclose(c, i, atol=0.5)
        else "mirrored"
        if np.allclose(c, m, atol=0.5)
        else "?"
        for c, i, m in zip(changed, images, mirrored, strict=True)
    }
    assert kinds == {"same", "mirrored"}


def test_nothing_leaves_the_frame_at_full_strength(images):
    """Turns, shifts and zooms are bounded: a centred square stays in the picture."""
    centred = np.zeros_like(images)
    centred[:, 14:19, 14:19] = 200
    changed = augment(centred, 1.0, training=True)
    assert (changed.max(axis=(1, 2, 3)) > 60).all()
