"""What the synthetic samples share: the marker file, noise, and encoding."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy import ndimage

from automedimg_tasks.layout import MARKER

Plane: TypeAlias = npt.NDArray[np.float32]
"""Grey values of one image, shape (H, W)."""

NOTE = "SYNTHETIC image drawn by automedimg; not a patient, not for medical use"
_TEXT = """\
SYNTHETIC IMAGES

Every image in this folder was drawn by a computer program (automedimg). None shows a person.
They only have the layout of {name}, so that software can be tried and tested without it.
Results on them say nothing about medicine; never mix them with real images.

On purpose there are among them: {defects}; as in public collections.
"""
_IMAGE_DESCRIPTION = 270


def mark(folder: Path, name: str, defects: str) -> None:
    """Write the file that says that a folder's images were generated.

    Args:
        folder: An existing folder.
        name: Of the data set whose layout it has.
        defects: What is wrong with some images on purpose.
    """
    text = _TEXT.format(name=name, defects=defects)
    (folder / MARKER).write_text(text, encoding="utf-8", newline="\n")


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Plane:
    """Draw blurred noise of zero mean and unit variance.

    Args:
        rng: Source of the noise.
        shape: (H, W).
        sigma: Width of its grain, in pixels.
    """
    # Coarse noise is drawn small and enlarged: a wide filter takes most of a sample's time.
    step = max(1, int(sigma / 2))
    small = rng.standard_normal([side // step + 2 for side in shape], dtype=np.float32)
    noise = ndimage.gaussian_filter(small, sigma / step, mode="wrap")
    if step > 1:
        noise = ndimage.zoom(noise, step, order=1)
    noise = noise[: shape[0], : shape[1]]
    smooth: Plane = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    return smooth


def soft_edge(distance: npt.NDArray[np.floating[Any]], width: float) -> Plane:
    """Turn a signed distance into a mask: 0 outside, 1 inside, a ramp of `width` between.

    Args:
        distance: Positive inside, shape (H, W).
        width: Of the ramp, in the unit of `distance`.
    """
    mask: Plane = np.clip(distance / width + 0.5, 0, 1).astype(np.float32)
    return mask


def to_uint8(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Turn values in [0, 1], of any shape, into bytes; others are clipped."""
    scaled: npt.NDArray[np.uint8] = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return scaled


def encode(image: Image.Image, suffix: str) -> bytes:
    """Encode an image, with a note that it is synthetic where the format has room for one.

    Args:
        image: Of mode ``L``, ``RGB``, ``RGBA`` or ``P``; JPEG takes the first two.
        suffix: ``.jpg``, ``.jpeg``, ``.png``, ``.bmp`` or ``.tif``.
    """
    buffer = BytesIO()
    if suffix in (".jpg", ".jpeg"):
        image.save(buffer, "JPEG", quality=88, comment=NOTE.encode())
    elif suffix == ".png":
        note = PngInfo()
        note.add_text("Comment", NOTE)
        image.save(buffer, "PNG", pnginfo=note, compress_level=1)
    elif suffix == ".tif":
        image.save(buffer, "TIFF", tiffinfo={_IMAGE_DESCRIPTION: NOTE})
    else:
        image.save(buffer, "BMP")
    return buffer.getvalue()
