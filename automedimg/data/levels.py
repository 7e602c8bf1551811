"""The scale of pixels: whatever is stored, networks see grey levels in [0, 255]."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.errors import DataError


def grey_levels(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Bring stored values to the scale that networks see.

    Args:
        array: uint8 is taken as it is, uint16 is divided by 257, so that its white is 255 too;
            float32 (features, or pixels scaled already) is left alone. Any shape.
    Returns:
        float32 of the same shape; in [0, 255] where integers were given.
    Raises:
        DataError: another dtype.
    """
    if array.dtype == np.uint16:
        return array.astype(np.float32) / np.float32(257.0)
    if array.dtype not in (np.uint8, np.float32):
        raise DataError(f"got values of type {array.dtype}; expected uint8, uint16 or float32")
    return array.astype(np.float32, copy=False)
