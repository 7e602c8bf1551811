"""How alike two small pictures are, whatever was done to their brightness.

Pictures are compared by their *detail*: fine structure, each pixel divided by the strength of the
structure around it. A change of contrast, brightness or gamma is locally an affine change and drops
out; what two patients share, the outline of a head and its broad shading, was filtered away before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

SIDE = 64
"""Height and width of a thumbnail, in pixels."""

DetailArray: TypeAlias = npt.NDArray[np.float16]
"""Shape (..., 64, 64); exactly 0 where the picture is flat (blank or saturated)."""

_NOISE_SIGMA = 0.6  # takes JPEG noise off
_STRUCTURE_SIGMA = 1.2  # structure wider than this is what different patients share
_STRENGTH_SIGMA = 2.0  # neighbourhood whose strength each pixel is divided by
_FLAT_GREY = 0.5  # strength, in grey levels, below which there is only rounding
_COARSE_SIDE = 32
_BROAD = (
    2.4,
    4.8,
    8.0,
    0.7,
)  # the arguments of `band_detail` for structure a 28-pixel file still has
_MIN_SHARED_PIXELS = 400  # one speck has 240
_MIN_SHARED_FRACTION = 0.25
_CHUNK = 512


def detail_of(thumbnails: npt.NDArray[np.uint8]) -> DetailArray:
    """Return the locally normalised fine structure of pictures.

    Args:
        thumbnails: uint8, shape (N, 64, 64).
    Returns:
        float16, shape (N, 64, 64). Half precision halves the memory; the error, 0.05 %, is far
        below what a JPEG file does.
    Source: local contrast normalisation, Pinto, Cox & DiCarlo (2008), PLoS Comput. Biol. 4(1) e27.
    """
    detail = np.empty(thumbnails.shape, np.float16)
    for start in range(0, len(thumbnails), _CHUNK):
        rows = slice(start, start + _CHUNK)
        detail[rows] = band_detail(
            thumbnails[rows], _NOISE_SIGMA, _STRUCTURE_SIGMA, _STRENGTH_SIGMA, _FLAT_GREY
        )
    return detail


def band_detail(
    thumbnails: npt.NDArray[np.uint8],
    noise_sigma: float,
    structure_sigma: float,
    strength_sigma: float,
    flat_grey: float,
) -> npt.NDArray[np.float32]:
    """Return the locally normalised structure of pictures between two widths.

    Args:
        thumbnails: uint8, shape (N, 64, 64).
        noise_sigma: Structure narrower than this is dropped, in pixels.
        structure_sigma: Structure wider than this is dropped, in pixels.
        strength_sigma: Width of the neighbourhood whose strength each pixel is divided by.
        flat_grey: Strength, in grey levels, below which there is nothing.
    Returns:
        float32, shape (N, 64, 64).
    """
    smooth = _blur(thumbnails.astype(np.float32), noise_sigma)
    fine = smooth - _blur(smooth, structure_sigma)
    strength = np.sqrt(_blur(fine * fine, strength_sigma))
    return np.where(strength > flat_grey, fine / (strength + flat_grey), np.float32(0))


def broad_detail_of(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return structure four times as wide as `detail_of` does, float32 (N, 64, 64).

    Strong JPEG and halving leave it as it is even where a picture had only 28 pixels.
    """
    return band_detail(thumbnails, *_BROAD)


def fineness(detail: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Say how fine the details of pictures are: how much of their power a step of one pixel takes.

    Pictures whose files had few pixels have coarse details here, and few that are independent.

    Args:
        detail: shape (N, 64, 64).
    Returns:
        float32, shape (N,): 2 for white noise; 0.45 and more where a file had hundreds of pixels,
        0.2 to 0.45 for 28 x 28, below 0.16 for 14 x 14; 0 for a flat picture.
    """
    a = detail.astype(np.float32)
    down = _step_share(a[:, 1:], a[:, :-1])
    right = _step_share(a[:, :, 1:], a[:, :, :-1])
    share: npt.NDArray[np.float32] = np.sqrt(down * right)
    return share


def coarse_vectors(detail: DetailArray) -> npt.NDArray[np.float32]:
    """Shrink details to vectors whose dot product tells which pairs are worth a closer look.

    Args:
        detail: shape (N, 64, 64).
    Returns:
        float32, shape (N, 1024); rows have length 1, or 0 for a flat picture.
    """
    step = SIDE // _COARSE_SIDE
    cells = detail.reshape(len(detail), _COARSE_SIDE, step, _COARSE_SIDE, step)
    vectors: npt.NDArray[np.float32] = cells.mean(axis=(2, 4), dtype=np.float32)
    vectors = vectors.reshape(len(detail), _COARSE_SIDE**2)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return vectors


def turn_vectors(
    vectors: npt.NDArray[np.float32], turn: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
) -> npt.NDArray[np.float32]:
    """Return the coarse vectors of turned pictures: turning and shrinking can change places.

    Args:
        vectors: What `coarse_vectors` returned, shape (N, 1024).
        turn: Flips or transposes the last two axes of an array.
    """
    return turn(vectors.reshape(-1, _COARSE_SIDE, _COARSE_SIDE)).reshape(vectors.shape)


def detail_correlation(
    first: npt.NDArray[Any], second: npt.NDArray[Any], min_shared: int = _MIN_SHARED_PIXELS
) -> npt.NDArray[np.float32]:
    """Correlate details where both pictures have some.

    Where one is saturated and the other isn't, nothing can be compared, and those pixels count
    neither for nor against. Too small a shared area is no evidence: it gives 0.

    Args:
        first: shape (P, 64, 64).
        second: shape (P, 64, 64).
        min_shared: Fewer shared pixels than this are no evidence.
    Returns:
        float32, shape (P,), in [-1, 1].
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    in_a, in_b = a != 0, b != 0
    shared = np.count_nonzero(in_a & in_b, axis=(1, 2))
    either = np.count_nonzero(in_a | in_b, axis=(1, 2))
    product = np.einsum("pij,pij->p", a, b)
    power = _power(a, in_b) * _power(b, in_a)
    correlation = product / np.sqrt(np.maximum(power, 1e-9))
    enough = (shared >= min_shared) & (shared >= _MIN_SHARED_FRACTION * either)
    return np.where(enough, correlation, np.float32(0)).astype(np.float32)


def _step_share(
    here: npt.NDArray[np.float32], before: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Mean square of the steps between pixels, over that of the pixels, where there is detail."""
    there = (here != 0) & (before != 0)
    step, value = (here - before) * there, here * there
    power = np.maximum(np.einsum("pij,pij->p", value, value), np.float32(1e-9))
    share: npt.NDArray[np.float32] = np.einsum("pij,pij->p", step, step) / power
    return share


def _power(
    detail: npt.NDArray[np.float32], where: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Sum of squares of each picture over the pixels of a mask."""
    masked = detail * where
    power: npt.NDArray[np.float32] = np.einsum("pij,pij->p", masked, masked)
    return power


def _blur(pictures: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """Blur each picture of a stack (N, 64, 64) by itself."""
    kernel = _blur_matrix(sigma)
    blurred: npt.NDArray[np.float32] = np.matmul(np.matmul(kernel, pictures), kernel.T)
    return blurred


@cache
def _blur_matrix(sigma: float) -> npt.NDArray[np.float32]:
    """Blurring one axis as a product, which is four times as fast as a filter."""
    kernel: npt.NDArray[np.float32] = gaussian_filter1d(np.eye(SIDE), sigma, axis=0)
    return kernel.astype(np.float32)
