"""The descriptor is scikit-image's; its components are those of the training images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from automedimg.training.backend import load_keras

REFERENCE: dict[tuple[str, int, int], tuple[int, float, list[float]]] = {
    ("noise", 9, 8): (
        864,
        136.21484,
        [0.13908, 0.09349, 0.11088, 0.08406, 0.19769, 0.06616, 0.21899, 0.06679],
    ),
    ("smooth", 9, 8): (
        864,
        105.87298,
        [0.20479, 0.0, 0.0, 0.0, 0.08259, 0.01369, 0.00994, 0.0],
    ),
    ("smooth", 6, 16): (
        48,
        9.20253,
        [0.27504, 0.10972, 0.20294, 0.27504, 0.12321, 0.10688, 0.12822, 0.27707],
    ),
}
"""By image, orientations, side of a cell: length, sum, first four and last four values of
skimage.feature.hog (scikit-image 0.26.0) on the image / 255, with cells_per_block=(2, 2) and
block_norm="L2-Hys"."""


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    return load_keras()


def image(name: str) -> np.ndarray:
    """Float32 (40, 56) in [0, 255]."""
    if name == "noise":
        return np.random.default_rng(0).integers(0, 256, (40, 56)).astype(np.float32)
    y, x = np.mgrid[0:40, 0:56]
    return (127 + 80 * np.sin(x / 5.0) * np.cos(y / 7.0) + x - y / 2).astype(np.float32)


def describe(images: np.ndarray, orientations: int, cell: int) -> np.ndarray:
    from automedimg_backbones.hog_layers import Hog

    return np.asarray(Hog(orientations, cell)(images))


@pytest.mark.parametrize("case", REFERENCE, ids=str)
def test_the_descriptor_is_that_of_scikit_image(case: tuple[str, int, int]) -> None:
    name, orientations, cell = case
    length, total, ends = REFERENCE[case]
    (found,) = describe(image(name)[None, :, :, None], orientations, cell)
    assert len(found) == length
    assert found.sum() == pytest.approx(total, abs=1e-3)
    np.testing.assert_allclose([*found[:4], *found[-4:]], ends, atol=2e-5)


def test_of_colours_the_mean_is_described() -> None:
    grey = image("noise")[None, :, :, None]
    colours = np.concatenate([grey * 0.5, grey, grey * 1.5], axis=-1)
    np.testing.assert_allclose(describe(colours, 9, 8), describe(grey, 9, 8), atol=1e-5)


def test_brightness_and_contrast_change_nothing() -> None:
    grey = image("smooth")[None, :, :, None]
    np.testing.assert_allclose(describe(40 + 0.5 * grey, 9, 8), describe(grey, 9, 8), atol=1e-3)


@pytest.mark.parametrize("shape", [(32, 32, 1), (33, 50, 3), (64, 48, 1)])
@pytest.mark.parametrize("cell", [8, 16, 32])
def test_the_width_is_known_beforehand(shape: tuple[int, int, int], cell: int) -> None:
    from automedimg_backbones.hog_pca import HogPca

    values = {"orientations": 9, "cell_pixels": cell, "components": 16}
    built = HogPca().build(shape, values, None)
    images = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.float32)
    found = np.asarray(built.model(images))
    assert found.shape == (3, built.model.output_shape[-1])
    assert np.isfinite(found).all()
    assert built.gradcam_layer == ""


def test_the_components_are_the_principal_ones() -> None:
    from automedimg_backbones.hog_pca import HogPca

    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(80, 10)) * np.linspace(5, 1, 10) @ rng.normal(size=(10, 40)) + 3.0
    features = (mixed + 0.01 * rng.normal(size=(80, 40))).astype(np.float32)
    model = HogPca().fit(features.copy(), {"components": 10}, 0)
    found = np.asarray(model(features))
    centred = features - features.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    assert found.shape == (80, 10)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), sizes[:10], rtol=1e-3)
    np.testing.assert_allclose(np.abs(found), np.abs(centred @ axes[:10].T), atol=0.05)


def test_there_are_no_more_components_than_images() -> None:
    from automedimg_backbones.hog_pca import HogPca

    features = np.random.default_rng(0).normal(size=(12, 40)).astype(np.float32)
    model = HogPca().fit(features, {"components": 100}, 0)
    assert model.output_shape == (None, 11)  # one direction less, once they are centred
    assert np.isfinite(np.asarray(model(features))).all()


def test_images_that_are_all_alike_have_components_too() -> None:
    from automedimg_backbones.hog_pca import HogPca

    features = np.full((12, 40), 0.1, np.float32)
    model = HogPca().fit(features.copy(), {"components": 16}, 0)
    found = np.asarray(model(features))
    assert found.shape[1] >= 1
    assert np.isfinite(found).all()
