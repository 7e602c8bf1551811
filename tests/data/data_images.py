"""Made-up images, files and a little dataset plugin for the tests of `automedimg.data`."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside, Source
from automedimg.data.decoding import Item
from automedimg.data.reading import Facts, RawImage


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """The content of a file of this image."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    """A tiny one-bit PNG that declares any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def picture(seed: int, contrast: float = 1.0) -> npt.NDArray[np.uint8]:
    """A smooth random picture, uint8 (64, 64); other seeds give unrelated ones."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(64, 64)), 1.5)
    values = 128 + contrast * 25 * noise / noise.std()
    return values.round().clip(0, 255).astype(np.uint8)


def deep_picture(seed: int, top: int = 4095) -> npt.NDArray[np.uint16]:
    """A smooth random picture with more than 256 levels, uint16 (64, 64), from 0 to `top`."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(64, 64)), 1.5)
    scaled = (noise - noise.min()) / (noise.max() - noise.min())
    return (scaled * top).round().astype(np.uint16)


def raw(values: npt.NDArray[Any], low: float = 0.0, high: float = 255.0) -> RawImage:
    """An image as a reader returns it."""
    height, width = values.shape[:2]
    mode = "RGB" if values.ndim == 3 else "L"
    return RawImage(values, low, high, Facts(width, height, mode, "PNG"))


def whole(paths: Iterable[Path]) -> list[Item]:
    """Files of one image each, as the decoder is asked for them."""
    return [(path, "") for path in paths]


def write_picture(path: Path, seed: int, contrast: float = 1.0) -> Path:
    """Save `picture`, in the format that the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, contrast)).save(path)
    return path


def write_classes(root: Path, counts: dict[str, int]) -> None:
    """Fill a folder a class with so many unrelated pictures."""
    first = 0
    for label, number in counts.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for index in range(number):
            write_picture(root / label / f"{index:03d}.png", first + index)
        first += 1000


class Folders(Dataset):
    """One folder a class; what stands before `@` in a file's name is the patient."""

    def __init__(self, classes: tuple[str, ...] = ("no", "yes")) -> None:
        self.classes = classes
        self.samples = 0

    def locate(self, folder: Path) -> Path | None:
        for candidate in (folder, folder / "unpacked"):
            if any((candidate / label).is_dir() for label in self.classes):
                return candidate
        return None

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        for label in self.classes:
            for path in sorted((root / label).glob("*")):
                patient, at, _ = path.name.partition("@")
                relative = path.relative_to(root).as_posix()
                yield Record(relative, label, patient if at else None)

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        self.samples += 1
        for label in self.classes:
            write_picture(folder / label / "1.png", seed)
        (folder / "SYNTHETIC.txt").write_text("drawn by a test")


def task(classes: tuple[str, ...] = ("no", "yes"), **changes: Any) -> DatasetSpec:
    """The task of `Folders`."""
    settings: dict[str, Any] = {
        "layout": "a folder for each class",
        "download": "get it from the shelf",
        "image_size": 16,
        "channels": 1,
    }
    settings |= changes
    return DatasetSpec(
        "toys", "Toys", lambda: Folders(classes), classes, Source("Tester (2026)"), **settings
    )
