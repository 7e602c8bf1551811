"""PCam as first published: HDF5 files of patches and of labels, and tables of their slides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.contracts import Record, SetAside, SplitName
from automedimg.errors import DataError
from automedimg_tasks.tables import read_table

LABELS = ("normal", "tumour")
SPLITS: dict[str, SplitName] = {"train": "train", "valid": "validation", "test": "test"}
"""The publisher's name of each split, and ours."""


def file_name(split: str, content: str) -> str:
    """Name of a file.

    Args:
        split: ``train``, ``valid`` or ``test``.
        content: ``x.h5`` (patches), ``y.h5`` (labels) or ``meta.csv`` (slides).
    """
    return f"camelyonpatch_level_2_split_{split}_{content}"


def is_here(folder: Path) -> bool:
    """Whether a folder has the patches of any split, unpacked or not."""
    return any(
        (folder / file_name(split, content)).is_file()
        for split in SPLITS
        for content in ("x.h5", "x.h5.gz")
    )


def records(root: Path) -> Iterator[Record | SetAside]:
    """List the patches split by split, in the files' order, with the slide as group.

    A split of which a file is missing is set aside.

    Raises:
        DataError: files are still packed or damaged, or don't fit together.
    """
    _refuse_packed(root)
    for split, ours in SPLITS.items():
        patches, labels = root / file_name(split, "x.h5"), root / file_name(split, "y.h5")
        if not patches.is_file():
            yield SetAside(patches.name, f"not there: the images of the {ours} split")
        elif not labels.is_file():
            yield SetAside(patches.name, f"no labels: `{labels.name}` is not there")
        else:
            yield from _split_records(root, split, ours)


def _split_records(root: Path, split: str, ours: SplitName) -> Iterator[Record | SetAside]:
    name = file_name(split, "x.h5")
    num = _num_patches(root / name)
    labels = _labels(root / file_name(split, "y.h5"))
    if len(labels) != num:
        raise DataError(
            f"`{name}` has {num:,} patches and `{file_name(split, 'y.h5')}` {len(labels):,} "
            "labels; expected one for each",
            "download both files again",
        )
    slides = _slides(root / file_name(split, "meta.csv"), num)
    if slides is None:
        yield SetAside(file_name(split, "meta.csv"), "not there: the patches' slides are unknown")
    for index, label in enumerate(labels.tolist()):
        slide = slides[index] if slides else None
        yield Record(name, LABELS[label], group=slide, split=ours, part=f"x/{index}")


def _refuse_packed(root: Path) -> None:
    wanted = [root / file_name(split, c) for split in SPLITS for c in ("x.h5", "y.h5")]
    packed = [f"{p.name}.gz" for p in wanted if _is_packed(p)]
    if packed:
        raise DataError(
            f"{len(packed)} files are still packed (`{packed[0]}`, ...); expected `.h5` files",
            f"unpack them in their folder: `gunzip {' '.join(packed)}`",
        )


def _is_packed(path: Path) -> bool:
    return not path.is_file() and path.with_name(f"{path.name}.gz").is_file()


def _read(path: Path, key: str, *, values: bool) -> tuple[tuple[int, ...], npt.NDArray[Any]]:
    """Shape of an array in an HDF5 file, and its values where they are asked for."""
    # h5py comes with Keras and takes a while to import.
    import h5py

    try:
        with h5py.File(path, "r") as file:
            array = file.get(key)
            if not isinstance(array, h5py.Dataset):
                found = ", ".join(f"`{name}`" for name in file) or "nothing"
                raise DataError(f"`{path.name}` has no array `{key}`; it has {found}")
            return array.shape, array[...] if values else np.empty(0)
    except OSError as error:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        reason = "is still packed with gzip" if packed else "is damaged or no HDF5 file"
        hint = f"rename it to `{path.name}.gz` and gunzip it" if packed else "download it again"
        raise DataError(f"`{path.name}` {reason}", hint) from error


def _num_patches(path: Path) -> int:
    shape, _ = _read(path, "x", values=False)
    if len(shape) != 4 or shape[3] != 3:
        raise DataError(f"`{path.name}`: `x` has the shape {shape}; expected (N, 96, 96, 3)")
    return shape[0]


def _labels(path: Path) -> npt.NDArray[np.int64]:
    _, values = _read(path, "y", values=True)
    labels = values.reshape(-1).astype(np.int64)
    strange = np.setdiff1d(labels, (0, 1))
    if strange.size:
        raise DataError(f"`{path.name}` has the label {strange[0]}; expected 0 and 1 only")
    return labels


def _slides(path: Path, num: int) -> list[str] | None:
    """Slide of each patch; None without the table."""
    if not path.is_file():
        return None
    slides = [row["wsi"] for row in read_table(path, required=("wsi",))]
    if len(slides) != num:
        raise DataError(
            f"`{path.name}` has {len(slides):,} rows for {num:,} patches; expected one for each",
            "download it again, or remove it to do without the slides",
        )
    return slides
