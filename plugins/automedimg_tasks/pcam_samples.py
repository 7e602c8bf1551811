"""Synthetic samples of PCam, in both of its layouts."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from automedimg_tasks import pcam_hdf5, pcam_kaggle
from automedimg_tasks.synthetic import encode, mark
from automedimg_tasks.tissue import draw_patch, random_slide

_PER_SLIDE = 20
_DEFECTS = {
    "Kaggle": "exact copies under other ids, one damaged file, an id without a file and a file "
    "without an id",
    "HDF5": "exact copies",
}


def write_kaggle(folder: Path, *, num_patches: int, seed: int = 0) -> None:
    """Write a sample in Kaggle's layout.

    Args:
        folder: An existing, empty folder.
        num_patches: 20 or more; a few copies and defects come on top.
        seed: The same seed writes the same bytes.
    """
    images = folder / pcam_kaggle.FOLDER
    images.mkdir()
    rows = []
    for index, (patch, label, _) in enumerate(_patches(num_patches, seed)):
        content = encode(patch, ".tif")
        names = [_id(seed, index)]
        if index % 40 < 2:
            names.append(_id(seed, index, "copy"))
        for name in names:
            (images / f"{name}.tif").write_bytes(content)
            rows.append((name, label))
    rows += [(_id(seed, 0, "damaged"), 0), (_id(seed, 0, "no file"), 1)]
    (images / f"{_id(seed, 0, 'damaged')}.tif").write_bytes(content[: len(content) // 3])
    (images / f"{_id(seed, 0, 'no row')}.tif").write_bytes(content)
    _write_csv(folder / pcam_kaggle.TABLE, ("id", "label"), sorted(rows))
    mark(folder, "Kaggle's selection of PatchCamelyon", _DEFECTS["Kaggle"])


def write_hdf5(folder: Path, *, num_patches: int, seed: int = 0) -> None:
    """Write a sample in the layout of the first publication.

    Args:
        folder: An existing, empty folder.
        num_patches: 100 or more; slides of 20 patches, every fifth slide is in the validation
            and every fifth in the test split.
        seed: The same seed writes the same bytes.
    """
    patches = list(_patches(num_patches, seed))
    sides = {"train": (0, 1, 2), "valid": (3,), "test": (4,)}
    for split, remainders in sides.items():
        chosen = [patch for patch in patches if patch[2] % 5 in remainders]
        chosen += [patch for number, patch in enumerate(chosen) if number % 40 < 2]
        images = np.stack([np.asarray(patch) for patch, _, _ in chosen])
        labels = np.array([label for _, label, _ in chosen], dtype=np.uint8)
        _write_array(folder / pcam_hdf5.file_name(split, "x.h5"), "x", images)
        _write_array(folder / pcam_hdf5.file_name(split, "y.h5"), "y", labels[:, None, None, None])
        rows = [
            (number, 96 * number, 192, bool(label), bool(label), f"synthetic_slide_{slide:03d}")
            for number, (_, label, slide) in enumerate(chosen)
        ]
        header = ("", "coord_y", "coord_x", "tumor_patch", "center_tumor_patch", "wsi")
        _write_csv(folder / pcam_hdf5.file_name(split, "meta.csv"), header, rows)
    mark(folder, "PatchCamelyon", _DEFECTS["HDF5"])


def _patches(num: int, seed: int) -> Iterator[tuple[Image.Image, int, int]]:
    """Draw patches slide by slide; yield each with its label and the number of its slide."""
    rng = np.random.default_rng([seed, num, 4])
    for index in range(num):
        if index % _PER_SLIDE == 0:
            slide = random_slide(rng)
        label = int(rng.random() < 0.45)
        yield draw_patch(rng, slide, has_tumour=bool(label)), label, index // _PER_SLIDE


def _id(seed: int, index: int, kind: str = "") -> str:
    """An id as Kaggle's: 40 hexadecimal digits that say nothing of the patch."""
    return hashlib.sha256(f"{seed} {index} {kind}".encode()).hexdigest()[:40]


def _write_array(path: Path, key: str, values: npt.NDArray[np.uint8]) -> None:
    # h5py comes with Keras and takes a while to import.
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset(key, data=values)


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
