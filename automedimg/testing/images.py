"""Synthetic image files for tests: good ones, folders of them, and broken ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from automedimg.testing.broken import broken_files

__all__ = ["broken_files", "class_folders", "noise_image", "write_image"]


def noise_image(size: int = 64, seed: int | Sequence[int] = 0, mode: str = "L") -> Image.Image:
    """Draw smooth noise; images of two seeds are never taken for copies of one another.

    Args:
        size: Side of the square, in pixels.
        seed: One or more whole numbers.
        mode: Of Pillow: 1, L, LA, P, RGB, RGBA, CMYK, I;16, F, ...
    """
    noise = np.random.default_rng(seed).normal(size=(size, size))
    # Coarse enough to survive JPEG and resizing, fine enough to tell two images apart.
    smooth = gaussian_filter(noise, size / 40, mode="wrap")
    scaled = (smooth - smooth.min()) / max(float(np.ptp(smooth)), 1e-12)
    if mode == "I;16":
        return Image.fromarray(np.round(scaled * 65535).astype(np.uint16))
    return Image.fromarray(np.round(scaled * 255).astype(np.uint8)).convert(mode)


def write_image(
    path: Path, *, size: int = 64, seed: int | Sequence[int] = 0, mode: str = "L"
) -> Path:
    """Write a noise image in the format that the file's name says; return the path."""
    noise_image(size, seed, mode).save(path)
    return path


def class_folders(
    folder: Path, counts: Mapping[str, int], seed: int = 0, *, size: int = 64, suffix: str = ".png"
) -> list[Path]:
    """Write a folder a class of distinct images.

    Args:
        folder: Made if it isn't there.
        counts: Images by class.
        seed: The same seed writes the same images.
        size: Side of the images, in pixels.
        suffix: Of the files, with the dot.
    Returns:
        The images' paths, class by class.
    """
    written = []
    for index, (label, count) in enumerate(counts.items()):
        home = folder / label
        home.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            path = home / f"{label}_{number:04d}{suffix}"
            written.append(write_image(path, size=size, seed=(seed, index, number)))
    return written
