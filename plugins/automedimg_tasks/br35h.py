"""Br35H :: Brain Tumor Detection 2020: head MRI in a folder `yes/` and a folder `no/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from automedimg.contracts import Dataset, Record
from automedimg_tasks.layout import MARKER, class_folders, images_in, search

if TYPE_CHECKING:
    from automedimg_tasks.phantom import Slice

_CLASSES = ("no", "yes")
# Other parts of Kaggle's archive: unlabelled images, masks.
_NEVER_SEARCHED = frozenset({"pred", "br35h-mask-rcnn"})
_SAMPLE_NAME = re.compile(r"(p\d{3,})_s\d+\.\w+")

_NOTE = "SYNTHETIC image drawn by automedimg; not a patient, not for medical use"
_MARKER_TEXT = """\
SYNTHETIC IMAGES

Every image in this folder was drawn by a computer program (automedimg). None shows a person.
They only have the layout of the Br35H data set, so that software can be tried and tested
without it. Results on them say nothing about medicine; never mix them with real images.

On purpose there are near-copies (*_copy.jpg), one exact copy (*_copy (1).jpg) and one damaged
file (*_damaged.jpg) among them, as in public collections.
"""
_COPY_SHARE = 0.08
# Suffix, pixel mode and share of the sample's files; the first files show one of each.
_FORMATS = (
    (".jpg", "L", 0.30),
    (".jpg", "RGB", 0.35),
    (".png", "L", 0.10),
    (".png", "RGB", 0.10),
    (".png", "RGBA", 0.08),
    (".png", "P", 0.07),
    (".png", "I;16", 0.0),
)


class Br35H(Dataset):
    """Reads Br35H. It names no patients, so near-copies have to be found from the images."""

    def locate(self, folder: Path) -> Path | None:
        """Find the folder with `yes/` and `no/`, in `folder` or up to three levels below it.

        The shallowest one is taken, among equals the first by path.
        """
        return search(
            folder, lambda each: each if class_folders(each, _CLASSES) else None, _NEVER_SEARCHED
        )

    def records(self, root: Path) -> Iterable[Record]:
        """List the images by class and natural order; only our own sample knows patients."""
        is_sample = (root / MARKER).is_file()
        for label, folders in (class_folders(root, _CLASSES) or {}).items():
            for folder in folders:
                for path in images_in(folder):
                    group = _sample_patient(path.name) if is_sample else None
                    yield Record(path.relative_to(root).as_posix(), label, group)

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write about 300 synthetic slices of 96 made-up patients, in a few seconds."""
        write_phantoms(folder, num_patients=96, seed=seed)


def _sample_patient(name: str) -> str | None:
    match = _SAMPLE_NAME.fullmatch(name)
    return match.group(1) if match else None


def write_phantoms(folder: Path, *, num_patients: int, seed: int = 0) -> None:
    """Write phantom slices into `yes/` and `no/`, and the marker file.

    Args:
        folder: An existing folder.
        num_patients: At least 4, so that every file format occurs.
        seed: The same seed writes the same bytes.
    """
    # Drawing needs scipy; who only reads images shouldn't wait for its import.
    from automedimg_tasks.phantom import draw_slices

    (folder / MARKER).write_text(_MARKER_TEXT, encoding="utf-8", newline="\n")
    for label in _CLASSES:
        (folder / label).mkdir(exist_ok=True)
    rng = np.random.default_rng([seed, num_patients, 1])
    slices = list(draw_slices(num_patients, seed=seed))
    for index, drawn in enumerate(slices):
        suffix, mode = _choose_format(rng, index)
        name = f"p{drawn.patient:03d}_s{drawn.number}{suffix}"
        (_class_folder(folder, drawn) / name).write_bytes(_encode(drawn.pixels, suffix, mode))
    _write_copies(rng, folder, slices)


def _class_folder(folder: Path, drawn: Slice) -> Path:
    return folder / _CLASSES[int(drawn.positive)]


def _write_copies(rng: np.random.Generator, folder: Path, slices: Sequence[Slice]) -> None:
    """Write near-copies, an exact copy and a damaged file, under names without a patient."""
    count = max(2, round(_COPY_SHARE * len(slices)))
    for number, index in enumerate(sorted(rng.choice(len(slices), count, replace=False)), 1):
        original = slices[int(index)]
        stem = f"{'y' if original.positive else 'no'}{number}"
        home = _class_folder(folder, original)
        data = _encode(_change_contrast(rng, original.pixels), ".jpg", "L")
        (home / f"{stem}_copy.jpg").write_bytes(data)
        if number == 1:
            (home / f"{stem}_copy (1).jpg").write_bytes(data)
        if number == count:
            (home / f"{stem}_damaged.jpg").write_bytes(data[: len(data) // 3])


def _change_contrast(
    rng: np.random.Generator, pixels: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.floating[Any]]:
    """Change contrast and brightness as image editors do; values stay in [0, 1]."""
    gain, offset = rng.uniform(0.75, 1.3), rng.uniform(-0.05, 0.08)
    changed: npt.NDArray[np.floating[Any]] = np.clip(pixels * gain + offset, 0, 1)
    return changed


def _choose_format(rng: np.random.Generator, index: int) -> tuple[str, str]:
    """Pick suffix and mode: at first one of each, then at random, whatever the label."""
    shares = [share for _, _, share in _FORMATS]
    choice = index if index < len(_FORMATS) else int(rng.choice(len(_FORMATS), p=shares))
    suffix, mode, _ = _FORMATS[choice]
    return suffix, mode


def _encode(pixels: npt.NDArray[np.floating[Any]], suffix: str, mode: str) -> bytes:
    """Encode grey values in [0, 1], shape (H, W), with a note that they are synthetic."""
    if mode == "I;16":
        image = Image.fromarray(np.rint(pixels * 65535).astype(np.uint16))
    else:
        image = Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).convert(mode)
    buffer = BytesIO()
    if suffix == ".jpg":
        image.save(buffer, "JPEG", quality=88, comment=_NOTE.encode())
    else:
        note = PngInfo()
        note.add_text("Comment", _NOTE)
        image.save(buffer, "PNG", pnginfo=note, compress_level=1)
    return buffer.getvalue()
