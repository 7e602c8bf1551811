"""Synthetic tomosynthesis: a breast in slices, with or without a mass in a few of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from automedimg_tasks.synthetic import Plane, smooth_noise, soft_edge

HEIGHT, WIDTH = 96, 80
Volume: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mass:
    """A mass.

    Args:
        kind: ``benign``, smooth and round, or ``cancer``, with spicules.
        slice: Index of its central slice.
        x: Of its centre, in pixels, in a breast whose chest wall is on the left.
        y: Of its centre, in pixels.
        radius: In pixels.
    """

    kind: Literal["benign", "cancer"]
    slice: int
    x: float
    y: float
    radius: float


def random_mass(
    rng: np.random.Generator, kind: Literal["benign", "cancer"], num_slices: int
) -> Mass:
    """Draw where a mass is and how large."""
    place = int(rng.integers(1, num_slices - 1))
    x, y = rng.uniform(14, 44), rng.uniform(30, 66)
    return Mass(kind, place, x, y, rng.uniform(5.0, 8.5))


def draw_volume(rng: np.random.Generator, num_slices: int, masses: tuple[Mass, ...]) -> Volume:
    """Draw a breast whose chest wall is on the left.

    Args:
        rng: Source of its texture.
        num_slices: 3 or more.
        masses: What is in it.
    Returns:
        Values in [0, 1], float32 (num_slices, 96, 80).
    """
    y, x = (axis.astype(np.float32) for axis in np.mgrid[0:HEIGHT, 0:WIDTH])
    depth, half = rng.uniform(52, 72), rng.uniform(34, 44)
    skin = np.float32(half) * (1 - np.hypot(x / depth, (y - HEIGHT / 2) / half))
    tissue = _tissue(rng, num_slices, rng.uniform(0.15, 0.5))
    inside = soft_edge(skin, 3)
    volume = tissue * inside
    for _ in range(int(rng.poisson(2))):  # vessels and calcifications are no masses
        _add_harmless(rng, volume, x, y)
    for mass in masses:
        _add_mass(rng, volume, x, y, mass)
    volume = volume * inside
    volume += rng.uniform(0.008, 0.025) * rng.standard_normal(volume.shape, dtype=np.float32)
    clipped: Volume = np.clip(volume, 0, 1)
    return clipped


def _tissue(rng: np.random.Generator, num_slices: int, density: float) -> Volume:
    """Fat and glands: a texture that changes slowly from slice to slice."""
    fine = rng.standard_normal((num_slices, HEIGHT, WIDTH), dtype=np.float32)
    coarse = ndimage.gaussian_filter(fine, (1.5, 6, 6))
    fine = ndimage.gaussian_filter(fine, (0.8, 1.5, 1.5))
    glands = soft_edge(coarse / coarse.std() - 1 + 2 * density, 1.5)
    tissue: Volume = 0.25 + 0.22 * glands + 0.035 * fine / fine.std()
    return tissue


def _add_harmless(rng: np.random.Generator, volume: Volume, x: Plane, y: Plane) -> None:
    centre = int(rng.integers(len(volume)))
    if rng.random() < 0.5:
        slope, offset = rng.uniform(-0.8, 0.8), rng.uniform(25, 70)
        body = soft_edge(1.2 - np.abs(y - offset - slope * x), 1.5)
        strength = 0.15
    else:
        body = soft_edge(1.5 - np.hypot(x - rng.uniform(8, 50), y - rng.uniform(25, 70)), 1.5)
        strength = 0.45
    for index, fade in _nearby(volume, centre, 0.8):
        volume[index] += strength * fade * body


def _add_mass(rng: np.random.Generator, volume: Volume, x: Plane, y: Plane, mass: Mass) -> None:
    dx, dy = x - mass.x, y - mass.y
    reach, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    uneven = smooth_noise(rng, (HEIGHT, WIDTH), 3)
    if mass.kind == "cancer":
        spicules = np.abs(np.cos(rng.integers(4, 8) * angle + rng.uniform(0, np.pi))) ** 12
        body = soft_edge(mass.radius * 0.8 - reach + 1.2 * uneven, 3)
        body = np.maximum(body, 0.6 * spicules * soft_edge(mass.radius * 1.9 - reach, 8))
    else:
        body = soft_edge(mass.radius - reach + 0.5 * uneven, 2)
    strength = rng.uniform(0.14, 0.34)
    for index, fade in _nearby(volume, mass.slice, 1.3):
        volume[index] += strength * fade * body


def _nearby(volume: Volume, centre: int, width: float) -> list[tuple[int, float]]:
    """Slices that show what lies at `centre`, each with how much of it."""
    shares = [(i, float(np.exp(-(((i - centre) / width) ** 2)))) for i in range(len(volume))]
    return [(index, share) for index, share in shares if share > 0.05]
