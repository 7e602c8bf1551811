"""Read and form many images at once, in order, in threads, with bounded memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data import forming, reading
from automedimg.data.preprocessing import Preprocessing

Item: TypeAlias = tuple[Path, str]
"""A file and the part of it that is meant; see `Record.part`."""

_WINDOW = 256  # files on their way at once
_FEW_PARTS = 32  # a file with more is read by one thread, image by image


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


def form_all(items: Sequence[Item], wanted: Wanted) -> Iterator[Formed | str]:
    """Yield each image, formed, or the reason why it can't be read, in the order of the items.

    Args:
        items: The images of one file stand together.
        wanted: What is made of each.
    """
    files = [(path, [part for _, part in run]) for path, run in groupby(items, lambda i: i[0])]
    with reading.strict_pillow(), ThreadPoolExecutor(max_workers=num_threads()) as pool:
        waiting: list[tuple[Path, list[str]]] = []
        for file in files:
            if len(file[1]) > _FEW_PARTS:
                yield from _flush(waiting, wanted, pool)
                yield from _read_file(file[0], file[1], wanted)
                continue
            waiting.append(file)
            if len(waiting) == _WINDOW:
                yield from _flush(waiting, wanted, pool)
        yield from _flush(waiting, wanted, pool)


def hint_side(size: int) -> int:
    """Side below which no JPEG is decoded on its way to a square of this side, in pixels.

    The same for all usual sizes, so that an image looks the same to every audit and search.
    """
    return 2 * max(forming.LOOK, size)


def num_threads() -> int:
    """Threads that decode: one for each core that this process may use."""
    return max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4)


def _flush(
    waiting: list[tuple[Path, list[str]]], wanted: Wanted, pool: ThreadPoolExecutor
) -> Iterator[Formed | str]:
    """Read the waiting files in threads: decoders free the interpreter lock."""
    for results in pool.map(lambda file: list(_read_file(file[0], file[1], wanted)), waiting):
        yield from results
    waiting.clear()


def _read_file(path: Path, parts: Sequence[str], wanted: Wanted) -> Iterator[Formed | str]:
    hint = hint_side(wanted.size if wanted.ways else 0)
    for part, read in zip(parts, reading.read_parts(path, parts, hint_side=hint), strict=True):
        yield read if isinstance(read, str) else _form(read, wanted, part)


def _digest(raw: reading.RawImage) -> str:
    about = f"{raw.values.shape} {raw.values.dtype}".encode()
    return hashlib.sha256(about + raw.values.tobytes()).hexdigest()[:32]


def _form(raw: reading.RawImage, wanted: Wanted, part: str) -> Formed:
    thumbnail, look = forming.glance(raw)
    stored = (float(raw.values.min()), float(raw.values.max()))
    return Formed(
        squares=tuple(forming.form(raw, way, wanted.size, wanted.channels) for way in wanted.ways),
        thumbnail=thumbnail,
        facts=raw.facts,
        look=look,
        stored=stored,
        digest=_digest(raw) if part else "",
    )
