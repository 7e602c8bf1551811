"""Synthetic axial MRI at the height of the adrenal glands, with or without a large tumour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from automedimg_tasks.synthetic import Plane, smooth_noise, soft_edge


@dataclass(frozen=True, slots=True)
class Organ:
    """An ellipse in body coordinates: x to the image's right, y downwards, both in [-1, 1].

    Args:
        x: Of its centre.
        y: Of its centre.
        width: Half its width before turning.
        height: Half its height before turning.
        angle_rad: How far it is turned.
        grey: Its grey value, in about [0, 1].
    """

    x: float
    y: float
    width: float
    height: float
    angle_rad: float
    grey: float


@dataclass(frozen=True, slots=True)
class Abdomen:
    """One patient, at one level.

    Args:
        aspect: Height of the body by its width.
        organs: From the back of the drawing to its front.
        limbs: The glands' thin limbs, drawn narrow and sharp.
        tumour: The mass in place of a gland, if any.
        necrosis: How dark and ragged the tumour's inside is, in [0, 1].
    """

    aspect: float
    organs: tuple[Organ, ...]
    limbs: tuple[Organ, ...]
    tumour: Organ | None
    necrosis: float


def random_abdomen(rng: np.random.Generator, *, has_tumour: bool) -> Abdomen:
    """Draw a patient.

    Args:
        rng: Source of the shapes.
        has_tumour: Whether one of the two glands is a carcinoma.
    """

    def organ(x: float, y: float, width: float, height: float, grey: float, turn: float) -> Organ:
        dx, dy = rng.normal(0, 0.025, 2)
        size = rng.uniform(0.88, 1.12)
        angle = turn + rng.normal(0, 0.12)
        shade = grey * rng.uniform(0.85, 1.15)
        return Organ(x + dx, y + dy, width * size, height * size, angle, shade)

    organs = [
        organ(-0.42, -0.12, 0.46, 0.48, 0.42, 0.35),  # liver, on the image's left
        organ(0.58, 0.00, 0.18, 0.34, 0.50, -0.35),  # spleen
        organ(0.30, -0.42, 0.28, 0.18, 0.34, 0.20),  # stomach
        organ(0.00, 0.38, 0.17, 0.16, 0.62, 0.00),  # vertebra
        organ(0.05, 0.14, 0.06, 0.06, 0.08, 0.00),  # aorta
        organ(-0.11, 0.12, 0.08, 0.06, 0.14, 0.00),  # vena cava
        organ(-0.40, 0.38, 0.15, 0.20, 0.58, 0.30),  # kidneys
        organ(0.42, 0.38, 0.15, 0.20, 0.58, -0.30),
    ]
    for _ in range(int(rng.poisson(1.6))):  # bowel, cysts, metastases elsewhere: no adrenal mass
        x, y, size = rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0.0), rng.uniform(0.04, 0.13)
        organs.append(organ(x, y, size, size, float(rng.choice([0.12, 0.55, 0.85])), 0.0))
    side = int(rng.choice([-1, 1]))
    limbs = tuple(
        organ(place * 0.24, 0.20, 0.014, 0.10, 0.30, turn)
        for place in (-1, 1)
        if not (has_tumour and place == side)
        for turn in (0.45, -0.45)
    )
    tumour = None
    if has_tumour:
        size = rng.uniform(0.15, 0.30)
        grey = rng.uniform(0.40, 0.85)
        tumour = organ(side * (0.22 + 0.5 * size), 0.16, size, 0.9 * size, grey, 0.0)
    aspect = rng.uniform(0.62, 0.78)
    return Abdomen(aspect, tuple(organs), limbs, tumour, rng.uniform(0.2, 0.9))


def draw_slice(rng: np.random.Generator, abdomen: Abdomen) -> Plane:
    """Draw a slice, moved and recorded a little differently each time.

    Args:
        rng: Source of noise, size and contrast.
        abdomen: Who is shown.
    Returns:
        Grey values in about [0, 1], shape (H, W), 112 to 208 pixels wide.
    """
    width = int(rng.integers(112, 209))
    height = int(width * rng.uniform(0.8, 1.0))
    shape = (height, width)
    zoom, dx, dy = rng.uniform(0.88, 1.0), *rng.normal(0, 0.02, 2)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] / zoom - dx
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * height / width / zoom - dy
    wave = 0.02 * smooth_noise(rng, shape, width / 20)
    body = 1 - np.hypot(x, y / abdomen.aspect) + wave
    image = 0.02 + 0.85 * soft_edge(body, 0.02)  # subcutaneous fat is bright
    image += (0.28 - image) * soft_edge(body - 0.10, 0.02)  # muscle
    image += (0.72 - image) * soft_edge(body - 0.16, 0.05)  # fat inside
    for organ in (*abdomen.organs, *abdomen.limbs):
        thin = organ.width < 0.03
        image += (organ.grey - image) * _inside(organ, x, y, 0.0 if thin else wave, 0.02)
    if abdomen.tumour is not None:
        mask = _inside(abdomen.tumour, x, y, 2.5 * wave, 0.03)
        lumps = smooth_noise(rng, shape, abdomen.tumour.width * width / 9)
        image += (abdomen.tumour.grey * (1 + 0.5 * abdomen.necrosis * lumps) - image) * mask
    image = ndimage.gaussian_filter(image, rng.uniform(0.4, 1.1))
    noise = rng.uniform(0.01, 0.04) * rng.standard_normal(shape, dtype=np.float32)
    coil = 1 + 0.15 * smooth_noise(rng, shape, width / 3)
    recorded: Plane = np.clip(np.abs(image * coil + noise) / rng.uniform(0.8, 1.3), 0, 1)
    return recorded ** np.float32(rng.uniform(0.75, 1.3))


def _inside(organ: Organ, x: Plane, y: Plane, wave: Plane | float, edge: float) -> Plane:
    """Mask of an organ, shape (H, W); `wave` makes its outline uneven."""
    cos, sin = np.cos(organ.angle_rad), np.sin(organ.angle_rad)
    across, along = (
        cos * (x - organ.x) + sin * (y - organ.y),
        cos * (y - organ.y) - sin * (x - organ.x),
    )
    reach = 1 - np.hypot(across / organ.width, along / organ.height)
    return soft_edge(reach * min(organ.width, organ.height) + wave, edge)
