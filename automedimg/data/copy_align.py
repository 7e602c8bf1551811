"""Lays one picture over another where one may be a crop of the other, and says how well they fit.

A crop that is stretched back is a scale and a shift of each axis; they are found by Gauss-Newton
steps, first on the picture's coarser structure, then on its details.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data.similarity import DetailArray, detail_correlation

Floats: TypeAlias = npt.NDArray[np.float32]
Placement: TypeAlias = Floats
"""Shape (P, 4): scale of the rows, shift of the rows, scale and shift of the columns. A pixel at
`u` of the second picture, counted from the middle in sides, is at ``scale * u + shift`` of the
first."""

_DAMPING = 0.02
_SCALES = (0.72, 1.39)  # crops of a little more than 10 % on each side, either way round
_MAX_SHIFT = 0.2
_MIN_SHARED = 800  # pixels of detail; one speck can be laid on any other speck
_MAX_STEP = 0.08
_BATCH = 64  # more at once would not stay in the processor's cache


def refine(first: Floats, second: Floats, placement: Placement) -> Placement:
    """Return a placement under which the first picture lies better on the second.

    Args:
        first: Structure, 0 where there is none; float32, shape (P, S, S).
        second: The same of the other picture.
        placement: Where to begin.
    """
    parts = [
        _refine(first[start : start + _BATCH], second[start : start + _BATCH], begin)
        for start, begin in ((i, placement[i : i + _BATCH]) for i in range(0, len(first), _BATCH))
    ]
    return np.concatenate(parts) if parts else placement


def _refine(first: Floats, second: Floats, placement: Placement) -> Placement:
    side = first.shape[-1]
    rows, columns = _weights(placement[:, :2], side), _weights(placement[:, 2:], side)
    # Laid picture, target, and how the laid picture changes with each number of the placement.
    parts = np.empty((len(first), 6, side, side), np.float32)
    np.matmul(rows @ first, columns.swapaxes(1, 2), out=parts[:, 0])
    np.multiply(second, rows.sum(axis=2)[:, :, None], out=parts[:, 1])
    parts[:, 1] *= columns.sum(axis=2)[:, None, :]
    _slopes(parts[:, 0], placement, parts[:, 3], parts[:, 5])
    middle = _middle(side)
    np.multiply(parts[:, 3], middle[:, None], out=parts[:, 2])
    np.multiply(parts[:, 5], middle, out=parts[:, 4])
    flat = parts.reshape(len(first), 6, side * side)
    products = (flat @ flat.swapaxes(1, 2)).astype(np.float64)
    power, target_power = (np.maximum(products[:, n, n], 1e-9) for n in (0, 1))
    gain = np.sqrt(power / target_power)[:, None]
    along = products[:, 0, 2:] / power[:, None]
    # What a change of gain explains is no displacement.
    pull = gain * (products[:, 1, 2:] - along * products[:, 0, 1, None])
    stiffness = products[:, 2:, 2:] - along[:, :, None] * products[:, 0, None, 2:]
    diagonal = np.einsum("pii->pi", stiffness)
    diagonal += _DAMPING * diagonal.mean(axis=1, keepdims=True) + 1e-6
    step = np.linalg.solve(stiffness, pull[:, :, None])[:, :, 0]
    moved = placement + np.clip(step, -_MAX_STEP, _MAX_STEP)
    moved[:, 0::2] = np.clip(moved[:, 0::2], *_SCALES)
    moved[:, 1::2] = np.clip(moved[:, 1::2], -_MAX_SHIFT, _MAX_SHIFT)
    clipped: Placement = moved.astype(np.float32)
    return clipped


def correlation(first: Floats, second: Floats, placement: Placement) -> Floats:
    """Correlate pictures laid over each other, where both have structure.

    Args:
        first: shape (P, S, S); moved by `placement`.
        second: shape (P, S, S).
        placement: shape (P, 4).
    Returns:
        float32, shape (P,), in [-1, 1].
    """
    parts = [
        _correlation(first[part], second[part], placement[part])
        for part in (slice(start, start + _BATCH) for start in range(0, len(first), _BATCH))
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _correlation(first: Floats, second: Floats, placement: Placement) -> Floats:
    laid = lay(first, placement)
    product = np.einsum("pij,pij->p", laid, second)
    there = second * (laid != 0)
    power = np.einsum("pij,pij->p", laid, laid) * np.einsum("pij,pij->p", there, there)
    return np.asarray(product / np.sqrt(np.maximum(power, 1e-9)), np.float32)


def aligned_correlation(
    first: DetailArray, second: DetailArray, placement: Placement, worth: float
) -> Floats:
    """Correlate the details of pictures after a last adjustment to their placement.

    Args:
        first: shape (P, 64, 64).
        second: shape (P, 64, 64).
        placement: shape (P, 4).
        worth: Correlation from which the adjustment is tried.
    Returns:
        float32, shape (P,), in [-1, 1]; see `detail_correlation`.
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    found = detail_correlation(lay(a, placement), b, _MIN_SHARED)
    rows = np.flatnonzero(found >= worth)
    better = lay(a[rows], refine(a[rows], b[rows], placement[rows]))
    found[rows] = np.maximum(found[rows], detail_correlation(better, b[rows], _MIN_SHARED))
    return found


def lay(pictures: Floats, placement: Placement) -> Floats:
    """Resample pictures, shape (P, S, S), by a placement; 0 where it leaves the picture."""
    side = pictures.shape[-1]
    rows, columns = _weights(placement[:, :2], side), _weights(placement[:, 2:], side)
    laid: Floats = np.matmul(np.matmul(rows, pictures), columns.swapaxes(1, 2))
    return laid


def _middle(side: int) -> Floats:
    """Coordinates of pixels, counted from the middle in sides."""
    return ((np.arange(side) - (side - 1) / 2) / side).astype(np.float32)


def _weights(axis: npt.NDArray[Any], side: int) -> Floats:
    """Linear interpolation as matrices (P, S, S) from pixels to pixels."""
    at = (axis[:, :1] * _middle(side) + axis[:, 1:]) * np.float32(side) + np.float32((side - 1) / 2)
    # In place: what is written anew each time would not stay in the processor's cache.
    weights: Floats = at[:, :, None] - np.arange(side, dtype=np.float32)
    np.abs(weights, out=weights)
    np.subtract(np.float32(1), weights, out=weights)
    return np.maximum(weights, np.float32(0), out=weights)


def _slopes(laid: Floats, placement: Placement, down: Floats, right: Floats) -> None:
    """Write how resampled pictures change with the shift of their rows and of their columns."""
    half = np.float32(laid.shape[-1] / 2) / placement[:, 0::2, None, None]
    down[:, [0, -1]] = 0
    right[:, :, [0, -1]] = 0
    np.multiply(laid[:, 2:] - laid[:, :-2], half[:, 0], out=down[:, 1:-1])
    np.multiply(laid[:, :, 2:] - laid[:, :, :-2], half[:, 1], out=right[:, :, 1:-1])
