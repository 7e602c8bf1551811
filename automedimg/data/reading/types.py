"""What a reader returns: the values of one image and what its file says about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]

MAX_PIXELS = 100_000_000
"""Larger images are taken for decompression bombs and set aside."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of an image beside its pixels. None of it identifies a person.

    Args:
        width: As stored, in pixels.
        height: As stored, in pixels.
        mode: ``L``, ``RGB``, ``I;16``, ``MONOCHROME2``, ...: from a fixed list, else ``other``.
        format: ``JPEG``, ``PNG``, ``DICOM``, ``NPZ``, ``HDF5``, ...
        bits: Stored bits a sample.
        compression: How it is compressed, in our own words; empty where it is not.
        num_bytes: Of the file; 0 for one image of many in a file.
        tags: What a DICOM file says of the device: numbers as they are, texts as pseudonyms.
        flags: Warnings, from `FLAGS`.
    """

    width: int
    height: int
    mode: str
    format: str
    bits: int = 8
    compression: str = ""
    num_bytes: int = 0
    tags: Mapping[str, str | float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


FLAGS = {
    "burned-in": "BurnedInAnnotation is YES: the pixels may show a name",
    "secondary-capture": "a secondary capture (a screenshot): the pixels may show a name",
}
"""Warnings that a reader may raise, with what they mean."""


@dataclass(frozen=True, slots=True)
class RawImage:
    """One image, read but not yet resized.

    Args:
        values: (H, W) grey or (H, W, 3) RGB; uint8, or float32 for anything deeper.
        low: The value that becomes black, 0 of the network's range.
        high: The value that becomes white, 255 of the network's range; above `low`.
        facts: What the file says.
    """

    values: npt.NDArray[Any]
    low: float
    high: float
    facts: Facts
