"""One image file, read and formed: everything that is made of an image before it is cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data import forming, reading
from automedimg.data.preprocessing import Preprocessing

File: TypeAlias = tuple[Path, Sequence[str]]
"""A file and its parts that are meant; see `Record.part`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is made of each image.

    Args:
        size: Side of the squares, in pixels.
        channels: 3 for RGB, 1 for grey.
        ways: The preprocessings; one square each. None makes thumbnails only.
    """

    size: int
    channels: int
    ways: tuple[Preprocessing, ...] = ()


@dataclass(frozen=True, slots=True)
class Formed:
    """One image, read and formed.

    Args:
        squares: One for each preprocessing that was wanted.
        thumbnail: uint8 (64, 64).
        facts: What the file says.
        look: What it looks like.
        stored: Lowest and highest value as stored, in the file's own units.
        digest: Hash of the pixel values of one image of many in a file; empty for a whole file.
    """

    squares: tuple[forming.Levels, ...]
    thumbnail: npt.NDArray[np.uint8]
    facts: reading.Facts
    look: forming.Appearance
    stored: tuple[float, float]
    digest: str


def form_file(file: File, wanted: Wanted) -> Iterator[Formed | str]:
    """Yield each image of a file, formed, or the reason why it can't be read."""
    path, parts = file
    hint = hint_side(wanted.size if wanted.ways else 0)
    for part, read in zip(parts, reading.read_parts(path, parts, hint_side=hint), strict=True):
        yield read if isinstance(read, str) else _form(read, wanted, part)


def hint_side(size: int) -> int:
    """Side below which no JPEG is decoded on its way to a square of this side, in pixels.

    The same for all usual sizes, so that an image looks the same to every audit and search.
    """
    return 2 * max(forming.LOOK, size)


def _digest(raw: reading.RawImage) -> str:
    about = f"{raw.values.shape} {raw.values.dtype}".encode()
    return hashlib.sha256(about + raw.values.tobytes()).hexdigest()[:32]


def _form(raw: reading.RawImage, wanted: Wanted, part: str) -> Formed:
    plain = forming.without_colour(raw)
    thumbnail, look = forming.glance(plain)
    stored = (float(plain.values.min()), float(plain.values.max()))
    return Formed(
        squares=tuple(
            forming.form(raw if way.standard else plain, way, wanted.size, wanted.channels)
            for way in wanted.ways
        ),
        thumbnail=thumbnail,
        facts=raw.facts,
        look=look,
        stored=stored,
        digest=_digest(raw) if part else "",
    )
