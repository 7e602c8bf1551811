"""Synthetic blood smears: red cells in rows, and white cells that differ by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from automedimg.contracts import FloatArray
from automedimg_tasks.synthetic import smooth_noise, to_uint8

SIDE = 224
_SCALE = 2  # drawn at twice the size, for smooth edges


@dataclass(frozen=True, slots=True)
class _Kind:
    """How white cells of a class look; ranges that overlap from class to class.

    Args:
        count: Fewest and most of them.
        radius: In pixels of the image.
        cytoplasm: Width of the pale rim, as a share of the radius.
        bumps: How irregular the outline is.
        stain: Mean colour of the nucleus, RGB in [0, 1].
    """

    count: tuple[int, int]
    radius: tuple[float, float]
    cytoplasm: tuple[float, float]
    bumps: float
    stain: tuple[float, float, float]


_KINDS = {
    "Benign": _Kind((3, 10), (6.0, 12.0), (0.0, 0.5), 0.07, (0.42, 0.20, 0.72)),
    "Early": _Kind((4, 10), (10.0, 14.5), (0.0, 0.18), 0.05, (0.45, 0.36, 0.78)),
    "Pre": _Kind((1, 5), (11.0, 17.0), (0.0, 0.14), 0.04, (0.47, 0.32, 0.76)),
    "Pro": _Kind((2, 7), (8.0, 13.5), (0.0, 0.25), 0.08, (0.66, 0.40, 0.80)),
}


def draw_smear(rng: np.random.Generator, label: str) -> Image.Image:
    """Draw one field of view.

    Args:
        rng: Where its cells and colours come from.
        label: One of the four classes.
    Returns:
        An RGB image, 224 x 224.
    """
    kind = _KINDS[label]
    field = rng.uniform([0.88, 0.90, 0.86], [0.99, 0.99, 0.98])
    image = Image.new("RGB", (SIDE * _SCALE, SIDE * _SCALE), _colour(field))
    draw = ImageDraw.Draw(image)
    _draw_red_cells(rng, draw, field)
    if label == "Benign" and rng.random() < 0.6:
        _draw_segmented_nucleus(rng, draw)
    # One stain a slide: its cells vary little around it.
    stain = np.asarray(kind.stain) + rng.normal(0, 0.055, 3)
    for _ in range(int(rng.integers(kind.count[0], kind.count[1] + 1))):
        _draw_white_cell(rng, draw, kind, stain)
    image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    blur = rng.uniform(1.5, 2.5) if rng.random() < 0.06 else rng.uniform(0.2, 0.9)
    image = image.filter(ImageFilter.GaussianBlur(blur))
    values = np.asarray(image, dtype=np.float32) / 255
    shade = 1 + 0.03 * smooth_noise(rng, (SIDE, SIDE), 40)
    values = values * shade[..., None] + rng.normal(0, 0.012, values.shape)
    return Image.fromarray(to_uint8(values))


def mask_background(smear: Image.Image) -> Image.Image:
    """Blacken what is not stained like a nucleus, as the data set's `Segmented` does."""
    values = np.asarray(smear, dtype=np.int16)
    nucleus = values[..., 2] - values[..., 1] > 45
    return Image.fromarray((values * nucleus[..., None]).astype(np.uint8))


def _draw_red_cells(rng: np.random.Generator, draw: ImageDraw.ImageDraw, field: FloatArray) -> None:
    body = field * rng.uniform([0.70, 0.74, 0.80], [0.86, 0.88, 0.93])
    radius = rng.uniform(7.0, 9.0)
    for _ in range(int(rng.integers(4, 26))):
        x, y = rng.uniform(0, SIDE, 2)
        angle = rng.uniform(0, 2 * np.pi)
        for _ in range(int(rng.integers(1, 6))):
            size = radius * rng.uniform(0.85, 1.15)
            shade = body + rng.normal(0, 0.015, 3)
            _disc(draw, x, y, size, _colour(shade), _colour(shade * 0.9))
            if rng.random() < 0.6:
                pale = _colour(0.4 * shade + 0.6 * field)
                _disc(draw, x + 1, y, size * rng.uniform(0.3, 0.5), pale)
            angle += rng.normal(0, 0.5)
            x, y = x + 1.4 * radius * np.cos(angle), y + 1.4 * radius * np.sin(angle)


def _draw_white_cell(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    kind: _Kind,
    stain: FloatArray,
) -> None:
    x, y = rng.uniform(0, SIDE, 2)
    radius = rng.uniform(*kind.radius)
    shade = stain + rng.normal(0, 0.02, 3)
    rim = radius * (1 + rng.uniform(*kind.cytoplasm))
    _blob(rng, draw, x, y, rim, kind.bumps / 2, _colour(0.45 * shade + 0.5))
    _blob(rng, draw, x, y, radius, kind.bumps, _colour(shade))
    for _ in range(int(rng.integers(6, 14))):  # clumps of chromatin
        dx, dy = rng.normal(0, radius / 2.6, 2)
        tint = _colour(shade * rng.uniform(0.86, 1.1))
        _disc(draw, x + dx, y + dy, rng.uniform(0.8, 2.2), tint)


def _draw_segmented_nucleus(rng: np.random.Generator, draw: ImageDraw.ImageDraw) -> None:
    """Draw a granulocyte: a mature white cell, pale, with a nucleus of several lobes."""
    x, y = rng.uniform(20, SIDE - 20, 2)
    _disc(draw, x, y, 13, (222, 196, 226))
    for _ in range(int(rng.integers(2, 5))):
        dx, dy = rng.normal(0, 5, 2)
        _disc(draw, x + dx, y + dy, rng.uniform(3, 5), (122, 70, 176))


def _disc(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    radius: float,
    fill: tuple[int, int, int],
    outline: tuple[int, int, int] | None = None,
) -> None:
    box = [_SCALE * value for value in (x - radius, y - radius, x + radius, y + radius)]
    draw.ellipse(box, fill=fill, outline=outline)


def _blob(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    radius: float,
    bumps: float,
    fill: tuple[int, int, int],
) -> None:
    """Draw a disc with a wavy outline."""
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    reach = np.ones_like(angles)
    for order in (2, 3, 5):
        reach += rng.normal(0, bumps) * np.cos(order * angles + rng.uniform(0, 2 * np.pi))
    outline = np.stack(
        [x + radius * reach * np.cos(angles), y + radius * reach * np.sin(angles)], 1
    )
    draw.polygon((outline * _SCALE).ravel().tolist(), fill=fill)


def _colour(values: FloatArray) -> tuple[int, int, int]:
    red, green, blue = to_uint8(values).tolist()
    return red, green, blue
