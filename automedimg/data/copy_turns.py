"""The eight ways to lay a square picture: flips, quarter turns and transposes."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Symmetries: TypeAlias = Literal["none", "flips", "all"]
"""Which turned copies count as copies."""

NUM_TURNS = 8
ALLOWED: dict[Symmetries, int] = {"none": 1, "flips": 4, "all": NUM_TURNS}
"""A turn is allowed where its number is below this. Bit 0 flips columns, bit 1 flips rows, bit 2
transposes, in that order of doing."""


def turn(pictures: npt.NDArray[Any], number: int) -> npt.NDArray[Any]:
    """Turn the last two axes of an array; a view, no copy.

    Args:
        pictures: shape (..., S, S).
        number: The turn, in [0, 8).
    """
    rows, columns = -1 if number & 2 else 1, -1 if number & 1 else 1
    flipped = pictures[..., ::rows, ::columns]
    return np.swapaxes(flipped, -1, -2) if number & 4 else flipped


def turn_points(points: npt.NDArray[Any], numbers: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Say where turned pictures have the points of the pictures.

    Args:
        points: Row and column, shape (P, 2), in [0, side).
        numbers: The turn of each, int, shape (P,).
        side: Height and width of the pictures.
    Returns:
        Of the dtype of `points`, shape (P, 2).
    """
    row = np.where(numbers & 2, side - 1 - points[:, 0], points[:, 0])
    column = np.where(numbers & 1, side - 1 - points[:, 1], points[:, 1])
    transposed = (numbers & 4) > 0
    return np.stack([np.where(transposed, column, row), np.where(transposed, row, column)], axis=1)


def _between() -> npt.NDArray[np.int8]:
    corner = np.arange(4).reshape(2, 2)
    laid = [turn(corner, number).tolist() for number in range(NUM_TURNS)]
    table = np.empty((NUM_TURNS, NUM_TURNS), np.int8)
    for first in range(NUM_TURNS):
        for second in range(NUM_TURNS):
            table[first, second] = next(
                number
                for number in range(NUM_TURNS)
                if turn(turn(corner, number), second).tolist() == laid[first]
            )
    return table


BETWEEN = _between()
"""``BETWEEN[a, b]`` brings the first picture onto the second where `a` of the first looks like `b`
of the second; int8, shape (8, 8)."""


def upright(
    patches: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
    """Turn each patch to a pose that depends on what it shows, not on how it lay.

    The heavier halves go right and down, the more lopsided axis along the columns.

    Args:
        patches: float32, shape (P, S, S).
    Returns:
        The turned patches, and the turn of each, int8 (P,).
    """
    weights = np.linspace(-1.0, 1.0, patches.shape[-1], dtype=np.float32)
    across = np.einsum("pij,j->p", patches, weights)
    down = np.einsum("pij,i->p", patches, weights)
    transposed = np.abs(down) > np.abs(across)
    numbers = (across < 0) * 1 + (down < 0) * 2 + transposed * 4
    turned = np.empty_like(patches)
    for number in range(NUM_TURNS):
        rows = numbers == number
        turned[rows] = turn(patches[rows], number)
    return turned, numbers.astype(np.int8)
