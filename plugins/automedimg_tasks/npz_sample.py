"""Synthetic images in MedMNIST's layout."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from automedimg_tasks.folder_sample import Patch, draw_patches
from automedimg_tasks.synthetic import mark, to_uint8

_SIDE = 28
_SIDES = {"train": 160, "val": 32, "test": 48}
_DATE = (2020, 1, 1, 0, 0, 0)  # zip files hold dates; the same seed is to write the same bytes


def write_npz_sample(folder: Path, seed: int) -> None:
    """Write `sample.npz`: 160, 32 and 48 images of 28 x 28, in two classes.

    Args:
        folder: An existing, empty folder.
        seed: The same seed writes the same bytes.
    """
    mark(folder, "MedMNIST", "images of hardly any contrast")
    patches = list(draw_patches(("clear", "spot"), sum(_SIDES.values()), 1, _SIDE, seed))
    start = 0
    with zipfile.ZipFile(folder / "sample.npz", "w") as archive:
        for side, count in _SIDES.items():
            chosen = patches[start : start + count]
            start += count
            _write(archive, f"{side}_images", np.stack([_pixels(patch) for patch in chosen]))
            labels = [[patch.kind == "spot"] for patch in chosen]
            _write(archive, f"{side}_labels", np.array(labels, dtype=np.uint8))


def _pixels(patch: Patch) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return to_uint8(patch.pixels)


def _write(
    archive: zipfile.ZipFile, key: str, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    archive.writestr(zipfile.ZipInfo(f"{key}.npy", _DATE), buffer.getvalue(), zipfile.ZIP_DEFLATED)
