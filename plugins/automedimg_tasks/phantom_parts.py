"""What phantoms are made of: noise, tumours, harmless findings that resemble them, a scanner.

Positions and lengths are in head units: the head's half-length is 1, x points right, y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Plane: TypeAlias = npt.NDArray[np.floating[Any]]
"""One plane of numbers, shape (H, W); float32 throughout."""

FIELD_SIDE = 192
"""Side of a noise field; it covers the head from -1 to 1."""

TumourKind = Literal["solid", "ring", "diffuse", "isointense"]
FindingKind = Literal["vessel", "spot", "cyst", "patch"]

_TUMOUR_SHARES: dict[TumourKind, float] = {
    "solid": 0.40,
    "ring": 0.30,
    "diffuse": 0.22,
    "isointense": 0.08,
}

# Mean count per patient, range of distances from the centre, range of sizes.
_FINDINGS: dict[FindingKind, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "vessel": (1.8, (0.30, 0.80), (0.040, 0.130)),
    "spot": (0.8, (0.15, 0.60), (0.010, 0.024)),
    "cyst": (0.12, (0.55, 0.82), (0.040, 0.090)),
    "patch": (0.8, (0.15, 0.60), (0.025, 0.065)),
}


@dataclass(frozen=True, slots=True)
class Tumour:
    """A tumour of one patient.

    Args:
        kind: How the inside looks.
        x: Centre, head units.
        y: Centre, head units.
        radius: Mean radius, head units.
        edge: Width of the border, as a share of the radius.
        contrast: Difference to white matter, signed; 1 is the full grey range.
        oedema: Contrast of the halo around it, signed.
        push: How far tissue is displaced, as a share of the radius.
        lobes: Outline, shape (3, 2): amplitude and phase of the harmonics 2, 3 and 5.
    """

    kind: TumourKind
    x: float
    y: float
    radius: float
    edge: float
    contrast: float
    oedema: float
    push: float
    lobes: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something bright or dark that is no tumour.

    Args:
        kind: Vessel, calcification spot, fluid-filled cyst, or patch of older white matter.
        x: Centre, head units.
        y: Centre, head units.
        size: Half-length or radius, head units.
        angle_rad: Orientation.
        contrast: Difference to the tissue around it, signed; unused by a cyst.
    """

    kind: FindingKind
    x: float
    y: float
    size: float
    angle_rad: float
    contrast: float


def soft_step(distance: Plane, width: float) -> Plane:
    """Rise from 0 to 1 where `distance` crosses zero, over `width`: an edge without stairs."""
    risen: Plane = np.clip(distance / width + 0.5, 0, 1)
    return risen


def band_noise(rng: np.random.Generator, sigma: float) -> Plane:
    """Noise of one scale, mean 0 and variance 1, periodic, shape (192, 192)."""
    white = rng.standard_normal((FIELD_SIDE, FIELD_SIDE), dtype=np.float32)
    fine = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3)
    band: Plane = fine - ndimage.gaussian_filter(fine, 1.6 * sigma, mode="wrap", truncate=3)
    band /= band.std()
    return band


def sample(field: Plane, x: Plane, y: Plane) -> Plane:
    """Read periodic noise at head coordinates, shape (H, W)."""
    half = FIELD_SIDE / 2
    positions = np.stack([(y + 1) * half, (x + 1) * half])
    sampled: Plane = ndimage.map_coordinates(field, positions, order=1, mode="grid-wrap")
    return sampled


def _place(rng: np.random.Generator, inner: float, outer: float) -> tuple[float, float]:
    angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(inner, outer)
    return 0.72 * radius * float(np.cos(angle)), 0.92 * radius * float(np.sin(angle))


def random_tumour(rng: np.random.Generator, *, bright_oedema: bool) -> Tumour:
    """Draw one tumour; from tiny to a third of a hemisphere, from obvious to all but invisible."""
    kinds = list(_TUMOUR_SHARES)
    kind = kinds[int(rng.choice(len(kinds), p=list(_TUMOUR_SHARES.values())))]
    x, y = _place(rng, 0.22, 0.68)
    sign = 1.0 if rng.random() < 0.85 else -1.0
    strength = rng.uniform(0.02, 0.09) if kind == "isointense" else rng.uniform(0.25, 0.65)
    oedema_sign = 1.0 if bright_oedema else -0.6
    has_oedema = rng.random() < 0.65 and kind != "isointense"
    return Tumour(
        kind=kind,
        x=x,
        y=y,
        radius=float(np.exp(rng.uniform(np.log(0.08), np.log(0.36)))),
        edge=rng.uniform(0.6, 1.0) if kind == "diffuse" else rng.uniform(0.06, 0.4),
        contrast=sign * strength,
        oedema=oedema_sign * rng.uniform(0.12, 0.35) if has_oedema else 0.0,
        push=rng.uniform(0.0, 0.45),
        lobes=np.stack([rng.uniform(0.02, 0.14, 3), rng.uniform(0, 2 * np.pi, 3)], axis=1),
    )


def random_findings(rng: np.random.Generator, rate: float) -> tuple[Finding, ...]:
    """Draw findings of every kind; `rate` scales how many there are."""
    return tuple(
        _random_finding(rng, kind)
        for kind, (mean, _, _) in _FINDINGS.items()
        for _ in range(int(rng.poisson(mean * rate)))
    )


def _random_finding(rng: np.random.Generator, kind: FindingKind) -> Finding:
    _, where, sizes = _FINDINGS[kind]
    x, y = _place(rng, *where)
    strength = rng.uniform(0.08, 0.22) if kind == "patch" else rng.uniform(0.15, 0.45)
    dark = kind == "spot" and rng.random() < 0.4
    size, angle = rng.uniform(*sizes), rng.uniform(0, np.pi)
    return Finding(kind, x, y, size, angle, -strength if dark else strength)


def push_aside(x: Plane, y: Plane, tumour: Tumour, growth: float) -> tuple[Plane, Plane]:
    """Displace tissue around a tumour (its mass effect).

    Args:
        x: Head coordinates, shape (H, W).
        y: Head coordinates, shape (H, W).
        tumour: What grows.
        growth: Share of the full radius that this slice shows.
    Returns:
        The coordinates to read the undisturbed anatomy at, each of shape (H, W).
    """
    dx, dy = x - tumour.x, y - tumour.y
    reach = 1.6 * tumour.radius * growth
    pull = tumour.push * np.exp(-(dx * dx + dy * dy) / (2 * reach * reach))
    return x - dx * pull, y - dy * pull


def draw_tumour(
    brain: Plane,
    base: float,
    fluid: float,
    texture: Plane,
    x: Plane,
    y: Plane,
    tumour: Tumour,
    growth: float,
) -> Plane:
    """Blend a tumour and its oedema into a brain.

    Args:
        brain: Grey values in about [0, 1], shape (H, W).
        base: Grey value of the tissue that it grows in.
        fluid: Grey value of cerebrospinal fluid, what necrosis looks like.
        texture: Smooth noise of unit variance, shape (H, W).
        x: Head coordinates, shape (H, W).
        y: Head coordinates, shape (H, W).
        tumour: What to draw.
        growth: Share of the full radius that this slice shows.
    Returns:
        Grey values, shape (H, W).
    """
    dx, dy = x - tumour.x, y - tumour.y
    angle = np.arctan2(dy, dx)
    outline = np.ones_like(angle)
    for order, (amplitude, phase) in zip((2, 3, 5), tumour.lobes.tolist(), strict=True):
        outline += amplitude * np.cos(order * angle + phase)
    depth = 1 - np.hypot(dx, dy) / (tumour.radius * growth * outline)
    if tumour.oedema:
        # Noise in the border makes the finger-like outline of oedema.
        halo = soft_step(depth + 0.75 + 0.22 * texture, 0.7)
        brain = brain + tumour.oedema * halo
    body = soft_step(depth + 0.06 * texture, tumour.edge)
    # A tumour replaces the folds under it, it doesn't just brighten them.
    inside = 0.25 * brain + 0.75 * base
    mixed = inside + tumour.contrast * (1 + 0.18 * texture)
    if tumour.kind == "ring":
        core = soft_step(depth - 0.32 + 0.08 * texture, 0.2)
        mixed = mixed + (0.7 * fluid + 0.1 - mixed) * core
    return brain + (mixed - brain) * body


def draw_finding(brain: Plane, fluid: float, x: Plane, y: Plane, finding: Finding) -> Plane:
    """Blend a harmless finding into a brain; arguments as for `draw_tumour`."""
    cos, sin = math.cos(finding.angle_rad), math.sin(finding.angle_rad)
    dx, dy = x - finding.x, y - finding.y
    along, across = (cos * dx + sin * dy) / finding.size, (cos * dy - sin * dx) / finding.size
    if finding.kind == "vessel":
        bend = np.abs(across - 0.25 * along * along) * finding.size
        body: Plane = soft_step(0.007 - bend, 0.012) * soft_step(1 - np.abs(along), 0.3)
    else:
        roundness, edge = (1.4, 1.0) if finding.kind == "patch" else (1.2, 0.3)
        body = soft_step(1 - np.hypot(along, roundness * across), edge)
    if finding.kind == "cyst":
        return brain + (fluid - brain) * body
    return brain + finding.contrast * body


def acquire(rng: np.random.Generator, image: Plane) -> Plane:
    """Add what a scanner and a screenshot add: coil bias, blur, Rician noise, windowing."""
    height, width = image.shape
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    a, b, c = rng.normal(0, 0.09, 3).tolist()
    image = image * (1 + a * rows + b * columns + c * rows * columns)
    image = ndimage.gaussian_filter(image, rng.uniform(0.4, 1.0), truncate=3)
    noise = rng.uniform(0.006, 0.04) * rng.standard_normal((2, height, width), dtype=np.float32)
    image = np.hypot(image + noise[0], noise[1])
    # Measured in the middle of the brain's grey values, so that a bright tumour doesn't darken
    # the rest and give itself away by the image's mean.
    reference = np.percentile(image[::2, ::2], 72)
    white = float(reference * np.exp(rng.uniform(np.log(1.35), np.log(2.5))))
    gamma = rng.uniform(0.75, 1.35)
    windowed: Plane = np.clip(image / white, 0, 1) ** gamma
    return windowed
