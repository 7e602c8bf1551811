"""Brain-like MR slices from numbers alone: for tests, demonstrations and dry runs.

They look like axial head MRI at first sight and are as uneven as a public collection: three
weightings, any size, any windowing, tumours from obvious to invisible. They teach nothing about
patients. Lengths are in head units: the head's half-length is 1, x points right, y down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from automedimg_tasks import phantom_parts as parts
from automedimg_tasks.phantom_parts import Plane, sample, soft_step

_SKULL, _BRAIN = 0.945, 0.875  # radii where bone and brain begin, as shares of the head's


@dataclass(frozen=True, slots=True)
class Weighting:
    """Grey values of tissues in one kind of MR image, in [0, 1]."""

    white: float
    grey: float
    fluid: float
    scalp: float
    bone: float = 0.05


_WEIGHTINGS = (
    Weighting(white=0.62, grey=0.40, fluid=0.12, scalp=0.90),  # T1
    Weighting(white=0.34, grey=0.50, fluid=0.85, scalp=0.75),  # T2
    Weighting(white=0.38, grey=0.50, fluid=0.10, scalp=0.80),  # FLAIR
    Weighting(white=0.46, grey=0.40, fluid=0.14, scalp=0.70),  # T1 with contrast agent
)


@dataclass(frozen=True, slots=True)
class Patient:
    """The anatomy that all slices of one patient share.

    Args:
        tumour: None for a healthy patient.
        findings: Harmless findings.
        tissue: Grey values.
        width: Half-width of the head, head units.
        egg: How much narrower the forehead is than the back.
        outline: Amplitude and phase of the head's harmonics 2, 3 and 4, shape (3, 2).
        ventricle: Half-width of the lateral ventricles, head units.
        horns: Half-length of the lateral ventricles, head units.
        bend: How far their horns curve outwards, head units.
        asymmetry: Ratio of the right ventricle's width to the left's.
        atrophy: Width of the sulci, 1 on average.
        folds: Smooth noise of unit variance, shape (4, 192, 192).
        tilt_rad: Rotation of the head in the image.
        zoom: Head length as a share of the image's height.
        shape: Image height and width in pixels.
    """

    tumour: parts.Tumour | None
    findings: tuple[parts.Finding, ...]
    tissue: Weighting
    width: float
    egg: float
    outline: npt.NDArray[np.float64]
    ventricle: float
    horns: float
    bend: float
    asymmetry: float
    atrophy: float
    folds: Plane
    tilt_rad: float
    zoom: float
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Slice:
    """One drawn slice: patient number, slice number (from 1), label, grey values in [0, 1]."""

    patient: int
    number: int
    positive: bool
    pixels: Plane


def draw_slices(num_patients: int, *, seed: int = 0) -> Iterator[Slice]:
    """Draw 2 to 4 slices of each patient; every other patient has a tumour.

    Args:
        num_patients: At least 1.
        seed: The same seed draws the same slices; a patient doesn't depend on how many follow.
    Yields:
        Slices, patient by patient, float32 of shape (H, W) with sides of 160 to 280 pixels.
    """
    for number in range(num_patients):
        rng = np.random.default_rng([seed, number])
        patient = random_patient(rng, positive=number % 2 == 1)
        start = rng.uniform(0, 0.7)
        for index in range(int(rng.integers(2, 5))):
            pixels = draw_slice(rng, patient, level=start + 0.13 * index)
            yield Slice(number, index + 1, patient.tumour is not None, pixels)


def random_patient(rng: np.random.Generator, *, positive: bool) -> Patient:
    """Draw one patient's anatomy. Nothing but the tumour depends on `positive`, by much."""
    tissue = _jitter(rng, _WEIGHTINGS[int(rng.integers(len(_WEIGHTINGS)))])
    tumour = parts.random_tumour(rng, bright_oedema=rng.random() < 0.7) if positive else None
    height = int(rng.integers(160, 281))
    aspect = rng.uniform(0.85, 1.0) if rng.random() < 0.5 else 1.0
    lopsided = rng.random() < 0.35
    return Patient(
        tumour=tumour,
        findings=parts.random_findings(rng, rate=0.8 if positive else 1.2),
        tissue=tissue,
        width=rng.uniform(0.70, 0.90),
        egg=rng.uniform(0.0, 0.14),
        outline=np.stack([rng.uniform(0.004, 0.03, 3), rng.uniform(0, 2 * np.pi, 3)], axis=1),
        ventricle=rng.uniform(0.03, 0.085),
        horns=rng.uniform(0.30, 0.46),
        bend=rng.uniform(0.09, 0.25),
        asymmetry=float(np.exp(rng.normal(0, 0.45 if lopsided else 0.1))),
        atrophy=rng.uniform(0.6, 1.5),
        folds=np.stack([parts.band_noise(rng, sigma) for sigma in (3.3, 3.3, 3.0, 5.0)]),
        tilt_rad=rng.normal(0, 0.09),
        zoom=rng.uniform(0.80, 0.97),
        shape=(height, max(160, int(height * aspect))),
    )


def draw_slice(rng: np.random.Generator, patient: Patient, level: float) -> Plane:
    """Draw one slice.

    Args:
        rng: For what differs between the slices of a patient: pose, noise, windowing.
        patient: The anatomy.
        level: Height of the slice: 0 through the basal ganglia, 1 near the top of the head.
    Returns:
        Grey values in [0, 1], shape (H, W).
    """
    x, y = _head_coordinates(rng, patient, level)
    growth = rng.uniform(0.6, 1.0)
    inner_x, inner_y = x, y
    if patient.tumour is not None:
        inner_x, inner_y = parts.push_aside(x, y, patient.tumour, growth)
    brain = _draw_brain(patient, inner_x, inner_y, level)
    tissue, texture = patient.tissue, sample(patient.folds[3], x, y)
    for finding in patient.findings:
        if rng.random() < 0.75:
            brain = parts.draw_finding(brain, tissue.fluid, x, y, finding)
    if patient.tumour is not None:
        brain = parts.draw_tumour(
            brain, tissue.white, tissue.fluid, texture, x, y, patient.tumour, growth
        )
    return parts.acquire(rng, _wrap_in_skull(patient, brain, x, y, texture))


def _jitter(rng: np.random.Generator, tissue: Weighting) -> Weighting:
    white, grey, fluid, scalp = rng.normal(0, 0.035, 4).tolist()
    return replace(
        tissue,
        white=tissue.white + white,
        grey=tissue.grey + grey,
        fluid=max(0.04, tissue.fluid + fluid),
        scalp=tissue.scalp * rng.uniform(0.55, 1.1) + scalp,
    )


def _head_coordinates(
    rng: np.random.Generator, patient: Patient, level: float
) -> tuple[Plane, Plane]:
    """Head coordinates of every pixel: x and y, each float32 of shape (H, W)."""
    height, width = patient.shape
    half = height * patient.zoom * (1 - 0.08 * level) * rng.uniform(0.98, 1.02) / 2
    shift_x, shift_y = rng.normal(0, 0.02, 2).tolist()
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    v = (rows - (height - 1) / 2) / half - shift_y
    u = (columns - (width - 1) / 2) / half - shift_x
    tilt = patient.tilt_rad + rng.normal(0, 0.02)
    cos, sin = math.cos(tilt), math.sin(tilt)
    return cos * u + sin * v, cos * v - sin * u


def _head_radius(patient: Patient, x: Plane, y: Plane) -> Plane:
    """Distance from the centre, 1 at the skin, shape (H, W)."""
    across = x / (patient.width * (1 + patient.egg * y))
    angle = np.arctan2(y, across)
    outline = np.ones_like(angle)
    for order, (amplitude, phase) in zip((2, 3, 4), patient.outline.tolist(), strict=True):
        outline += amplitude * np.cos(order * angle + phase)
    return np.hypot(across, y) / outline


def _draw_brain(patient: Patient, x: Plane, y: Plane, level: float) -> Plane:
    """White matter, cortex, sulci, deep grey matter and ventricles: grey values, shape (H, W)."""
    tissue, radius = patient.tissue, _head_radius(patient, x, y)
    turn = level * math.pi / 2
    # Mirrored noise keeps the hemispheres alike; the level turns one pattern into another.
    mirrored = math.cos(turn) * patient.folds[0] + math.sin(turn) * patient.folds[1]
    folds = 0.85 * sample(mirrored, np.abs(x), y) + 0.5 * sample(patient.folds[2], x, y)
    cortex = soft_step(radius - (0.60 - 0.25 * level), 0.35)
    outer = soft_step(radius - (_BRAIN - 0.05), 0.05)
    grey = np.maximum(np.exp(-(folds * folds) / 0.30) * cortex, outer)
    grey = np.maximum(grey, _deep_grey(x, y) * max(0.0, 1 - 1.6 * level))
    sulci = np.exp(-(folds * folds) / (0.022 * patient.atrophy)) * cortex
    fissure = np.exp(-((x / 0.013) ** 2)) * soft_step(np.abs(y) - (0.38 - 0.3 * level), 0.15)
    fluid = np.maximum.reduce([0.85 * sulci, 0.8 * fissure, _ventricles(patient, x, y, level)])
    brain = tissue.white + (tissue.grey - tissue.white) * grey
    drawn: Plane = brain + (tissue.fluid - brain) * fluid
    return drawn


def _deep_grey(x: Plane, y: Plane) -> Plane:
    """Share of thalamus and basal ganglia, in [0, 1], shape (H, W)."""
    side = np.abs(x)
    thalamus = np.hypot((side - 0.11) / 0.085, (y - 0.10) / 0.14)
    lentiform = np.hypot((side - 0.27 - 0.15 * y) / 0.07, (y + 0.04) / 0.19)
    return soft_step(1 - np.minimum(thalamus, lentiform), 0.35)


def _ventricles(patient: Patient, x: Plane, y: Plane, level: float) -> Plane:
    """Share of ventricular fluid, in [0, 1], shape (H, W)."""
    along = (y - 0.03) / (patient.horns - 0.06 * level)
    squared = along * along
    half_width = patient.ventricle * (1 - 0.5 * level)
    side_factor = np.where(x > 0, np.float32(patient.asymmetry), np.float32(1))
    # Low slices show the front and back horns only: the middle closes.
    middle = np.clip(0.25 + 1.6 * level + 2.2 * squared, 0, 1)
    profile = half_width * side_factor * np.sqrt(np.clip(1 - squared, 0, 1)) * middle
    centre = 0.055 + (patient.bend - 0.06 * level) * squared
    lateral = soft_step(profile - np.abs(np.abs(x) - centre), 0.02)
    third = soft_step(0.012 - np.abs(x), 0.015) * soft_step(0.16 - np.abs(y - 0.10), 0.05)
    shown = float(np.clip(3.2 - 3.6 * level, 0, 1))
    fluid: Plane = np.maximum(lateral * shown, third * max(0.0, 1 - 3 * level))
    return fluid


def _wrap_in_skull(patient: Patient, brain: Plane, x: Plane, y: Plane, texture: Plane) -> Plane:
    """Put scalp, bone and a rim of fluid around a brain; all of shape (H, W)."""
    tissue, radius = patient.tissue, _head_radius(patient, x, y)
    scalp = tissue.scalp * (1 + 0.12 * texture)
    image = 0.01 + scalp * soft_step(1 - radius, 0.015)
    image += (tissue.bone - image) * soft_step(_SKULL + 0.006 * texture - radius, 0.02)
    rim = 0.75 * tissue.fluid + 0.05
    image += (rim - image) * soft_step(_BRAIN + 0.018 - radius, 0.015)
    wrapped: Plane = image + (brain - image) * soft_step(_BRAIN - radius, 0.02)
    return wrapped
