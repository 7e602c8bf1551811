"""Synthetic patches of stained lymph node, with or without tumour in their middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from automedimg.contracts import FloatArray
from automedimg_tasks.synthetic import smooth_noise, to_uint8

SIDE = 96
_CENTRE = 16
"""Half the side of the middle square, whose content decides the label."""
_SCALE = 3  # drawn at three times the size, for smooth edges


@dataclass(frozen=True, slots=True)
class Slide:
    """How one slide was stained.

    Args:
        eosin: Colour of the background, RGB in [0, 1].
        haematoxylin: Colour of the nuclei, RGB in [0, 1].
        blur: Of the scanner, in pixels.
    """

    eosin: FloatArray
    haematoxylin: FloatArray
    blur: float


def random_slide(rng: np.random.Generator) -> Slide:
    """Draw a slide's stain."""
    eosin = np.array([0.88, 0.70, 0.82]) + rng.normal(0, 0.035, 3)
    haematoxylin = np.array([0.40, 0.25, 0.55]) + rng.normal(0, 0.04, 3)
    return Slide(eosin, haematoxylin, rng.uniform(0.3, 0.8))


def draw_patch(rng: np.random.Generator, slide: Slide, *, has_tumour: bool) -> Image.Image:
    """Draw a patch.

    Lymphocytes are small, round and dark. Tumour nuclei are larger, paler and uneven; where they
    lie outside the middle only, the patch is normal, as in the data set.

    Args:
        rng: Where the cells come from.
        slide: What it was cut from.
        has_tumour: Whether there are tumour nuclei in the middle.
    Returns:
        An RGB image, 96 x 96.
    """
    image = Image.new("RGB", (SIDE * _SCALE, SIDE * _SCALE), _colour(slide.eosin))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 10))):  # fibres
        ends = rng.uniform(-10, SIDE + 10, 4)
        tint = _colour(slide.eosin * rng.uniform(0.88, 1.06))
        draw.line((ends * _SCALE).tolist(), fill=tint, width=int(rng.integers(3, 12)))
    for _ in range(int(rng.integers(15, 110))):
        x, y = rng.uniform(0, SIDE, 2)
        _nucleus(rng, draw, x, y, rng.uniform(2.2, 3.6), slide.haematoxylin * 0.85, 0.12)
    for x, y in _tumour_places(rng, has_tumour=has_tumour):
        paler = slide.haematoxylin * rng.uniform(1.0, 1.35)
        _nucleus(rng, draw, x, y, rng.uniform(3.4, 6.8), paler, 0.3)
    image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    image = image.filter(ImageFilter.GaussianBlur(slide.blur))
    values = np.asarray(image, dtype=np.float32) / 255
    values = values * (1 + 0.04 * smooth_noise(rng, (SIDE, SIDE), 8))[..., None]
    return Image.fromarray(to_uint8(values + rng.normal(0, 0.02, values.shape)))


def _tumour_places(rng: np.random.Generator, *, has_tumour: bool) -> FloatArray:
    """Centres of tumour nuclei, shape (n, 2)."""
    middle = SIDE / 2
    if not has_tumour:
        if rng.random() < 0.75:
            return np.empty((0, 2))
        places = rng.uniform(0, SIDE, (int(rng.integers(4, 14)), 2))
        # As far from the middle square as the largest nucleus reaches.
        outside: FloatArray = places[np.abs(places - middle).max(axis=1) > _CENTRE + 9]
        return outside
    nest = middle + rng.uniform(-_CENTRE, _CENTRE, 2) * 0.8
    spread = rng.uniform(8, 26)
    places = rng.normal(nest, spread, (int(rng.integers(8, 30)), 2))
    return np.vstack([nest, places])


def _nucleus(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    radius: float,
    colour: FloatArray,
    uneven: float,
) -> None:
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    stretch = 1 + rng.uniform(0, uneven)
    turned = angles - rng.uniform(0, np.pi)
    reach = radius * (stretch * np.cos(turned) ** 2 + np.sin(turned) ** 2 / stretch)
    reach *= 1 + 0.3 * uneven * rng.normal() * np.cos(3 * angles)
    outline = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    tint = colour * rng.uniform(0.9, 1.1)
    draw.polygon((outline * _SCALE).ravel().tolist(), fill=_colour(tint))
    if radius > 4:  # a nucleolus
        box = [(x - 1) * _SCALE, (y - 1) * _SCALE, (x + 1) * _SCALE, (y + 1) * _SCALE]
        draw.ellipse(box, fill=_colour(tint * 0.7))


def _colour(values: FloatArray) -> tuple[int, int, int]:
    red, green, blue = to_uint8(values).tolist()
    return red, green, blue
