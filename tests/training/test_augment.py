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


def changed(images: np.ndarray, changes: str, strength: float = 1.0, seed: int = 0) -> np.ndarray:
    from automedimg.training.augment import Augment

    return np.asarray(Augment(strength, seed, changes)(images, training=True))


def test_all_draws_what_its_kinds_spelled_out_draw(images):
    spelled = "flip+rotation+shift+zoom+contrast+brightness"
    np.testing.assert_array_equal(changed(images, "all"), changed(images, spelled))


@pytest.mark.parametrize(("kind", "axis"), [("flip", 2), ("vertical_flip", 1)])
def test_a_flip_alone_mirrors_half_of_the_images_and_nothing_else(images, kind, axis):
    many = np.tile(images, (8, 1, 1, 1))
    mirrored = np.flip(many, axis)
    found = changed(many, kind)
    kept = [np.allclose(one, other, atol=0.5) for one, other in zip(found, many, strict=True)]
    turned = [np.allclose(one, other, atol=0.5) for one, other in zip(found, mirrored, strict=True)]
    assert all(a != b for a, b in zip(kept, turned, strict=True))
    assert 16 < sum(turned) < 48


def centre(image: np.ndarray) -> tuple[float, float]:
    """Row and column of the mean brightness, from the image's middle."""
    rows, columns = np.indices(image.shape[:2])
    weights = image[..., 0] / image.sum()
    middle = (image.shape[0] - 1) / 2
    return float((rows * weights).sum() - middle), float((columns * weights).sum() - middle)


def test_a_rotation_keeps_the_distance_from_the_middle_and_reaches_its_angle(images):
    found = [centre(one) for one in changed(np.tile(images, (8, 1, 1, 1)), "rotation:90")]
    was = centre(images[0])
    assert [np.hypot(*one) for one in found] == pytest.approx([np.hypot(*was)] * 64, abs=0.2)
    turns = [np.degrees(np.arctan2(*one) - np.arctan2(*was)) for one in found]
    turns = [(turn + 180) % 360 - 180 for turn in turns]
    assert 75 < max(np.abs(turns)) < 91
    assert min(np.abs(turns)) < 15


def test_a_shift_moves_by_a_share_of_the_side(images):
    found = np.array([centre(one) for one in changed(np.tile(images, (8, 1, 1, 1)), "shift:0.1")])
    moved = np.abs(found - centre(images[0]))
    assert 2.3 < moved.max() <= 3.4  # of 33 pixels


def test_a_shear_moves_rows_aside_in_proportion_to_their_height(images):
    found = np.array([centre(one) for one in changed(np.tile(images, (8, 1, 1, 1)), "shear:0.3")])
    row, column = centre(images[0])
    assert found[:, 0] == pytest.approx([row] * 64, abs=0.1)
    assert 0.2 * abs(row) < np.abs(found[:, 1] - column).max() <= 0.31 * abs(row)


def test_a_zoom_changes_the_size_and_not_the_grey(images):
    found = changed(np.tile(images, (8, 1, 1, 1)), "zoom:0.3")
    sizes = (found[..., 0] > 100).sum(axis=(1, 2))
    assert sizes.min() < 50 and sizes.max() > 90  # of 64 pixels
    assert found.max() <= 200.5


@pytest.mark.parametrize("kind", ["contrast:0.5", "brightness:0.2"])
def test_grey_changes_move_nothing(images, kind):
    grey = images / 4 + 90
    found = changed(grey, kind)
    inside, outside = found[:, 5:11, 5:11], found[:, 20:, 20:]
    assert inside.std(axis=(1, 2)).max() < 1e-3 and outside.std(axis=(1, 2)).max() < 1e-3
    gaps = inside.mean(axis=(1, 2, 3)) - outside.mean(axis=(1, 2, 3))
    levels = found.mean(axis=(1, 2, 3))
    varied, kept = (gaps, levels) if kind.startswith("contrast") else (levels, gaps)
    assert kept == pytest.approx([kept[0]] * 8, abs=1e-2)
    assert np.ptp(varied) > 10
