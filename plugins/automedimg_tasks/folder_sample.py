"""Synthetic tissue for the generic tasks: textured patches with a spot, a ring or neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image

from automedimg_tasks.synthetic import Plane, encode, mark, smooth_noise, soft_edge, to_uint8

Kind: TypeAlias = Literal["clear", "ring", "spot"]
KINDS: tuple[Kind, ...] = ("clear", "ring", "spot")


@dataclass(frozen=True, slots=True)
class Patch:
    """One drawn image: patient and number, both from 1, kind, grey values in [0, 1]."""

    patient: int
    number: int
    kind: Kind
    pixels: Plane


@dataclass(frozen=True, slots=True)
class _Patient:
    """What the images of one patient have in common: grey level, grain, contrast, noise."""

    base: float
    grain: float
    texture: float
    contrast: float
    noise: float


def draw_patches(
    kinds: tuple[Kind, ...], num_patients: int, num_images: int, side: int, seed: int
) -> Iterator[Patch]:
    """Draw images, patient by patient.

    Args:
        kinds: Of the patients, in turn.
        num_patients: At least 1.
        num_images: Of each patient.
        side: In pixels.
        seed: The same seed draws the same images.
    """
    for patient in range(1, num_patients + 1):
        rng = np.random.default_rng([seed, patient, side])
        tissue = _random_patient(rng)
        kind = kinds[(patient - 1) % len(kinds)]
        for number in range(1, num_images + 1):
            yield Patch(patient, number, kind, _draw(rng, tissue, kind, side))


def draw_both(num_patients: int, num_images: int, side: int, seed: int) -> Iterator[Patch]:
    """Draw clear images and images with a spot of the same patients, in turn; see `draw_patches`.

    Every third patient has both kinds, the others one.
    """
    for patient in range(1, num_patients + 1):
        rng = np.random.default_rng([seed, patient, side, 2])
        tissue = _random_patient(rng)
        for number in range(1, num_images + 1):
            odd = (patient + number if patient % 3 == 0 else patient) % 2
            kind: Kind = "spot" if odd else "clear"
            yield Patch(patient, number, kind, _draw(rng, tissue, kind, side))


def write_class_folders(folder: Path, seed: int) -> None:
    """Write 180 images of 60 made-up patients, one folder for each of three kinds."""
    mark(folder, "a folder of images a class", "images of hardly any contrast")
    for kind in KINDS:
        (folder / kind).mkdir()
    for index, patch in enumerate(draw_patches(KINDS, 60, 3, 72, seed)):
        suffix = (".png", ".jpg", ".bmp")[index % 7 % 3]
        name = f"p{patch.patient:03d}_s{patch.number}{suffix}"
        image = Image.fromarray(to_uint8(patch.pixels))
        (folder / patch.kind / name).write_bytes(encode(image, suffix))


def _random_patient(rng: np.random.Generator) -> _Patient:
    return _Patient(
        base=rng.uniform(0.3, 0.6),
        grain=rng.uniform(0.02, 0.08),
        texture=rng.uniform(0.03, 0.09),
        contrast=rng.uniform(0.12, 0.4) * (1 if rng.random() < 0.8 else -1),
        noise=rng.uniform(0.01, 0.05),
    )


def _draw(rng: np.random.Generator, patient: _Patient, kind: Kind, side: int) -> Plane:
    """Draw one image, float32 (side, side), in about [0, 1]."""
    shape = (side, side)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    image = patient.base + patient.texture * smooth_noise(rng, shape, patient.grain * side)
    image = image + rng.normal(0, 0.12) * rows + rng.normal(0, 0.12) * columns
    # Every image has a vessel, so that brightness alone doesn't tell.
    angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.3, 0.3)
    across = np.cos(angle) * columns + np.sin(angle) * rows - offset
    image = image + 0.8 * abs(patient.contrast) * soft_edge(0.025 - np.abs(across), 0.03)
    if kind != "clear":
        image = image + patient.contrast * _lesion(rng, kind, rows, columns)
    image = image + patient.noise * rng.standard_normal(shape, dtype=np.float32)
    drawn: Plane = np.clip(image, 0, 1).astype(np.float32)
    return drawn


def _lesion(rng: np.random.Generator, kind: Kind, rows: Plane, columns: Plane) -> Plane:
    """A spot or a ring of any size and place, in [0, 1]."""
    x, y = rng.uniform(-0.28, 0.28, 2)
    radius, stretch = rng.uniform(0.09, 0.2), rng.uniform(0.75, 1.3)
    distance = np.hypot((columns - x) / stretch, rows - y)
    if kind == "ring":
        return soft_edge(0.35 * radius - np.abs(distance - radius), 0.05)
    return soft_edge(radius - distance, 0.08)
