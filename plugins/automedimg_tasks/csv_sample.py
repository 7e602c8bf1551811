"""Synthetic images with a table beside them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from PIL import Image

from automedimg_tasks.folder_sample import draw_patches
from automedimg_tasks.synthetic import encode, mark, to_uint8

_LABELS = {"ring": "benign", "spot": "malignant"}


def write_table_sample(folder: Path, seed: int) -> None:
    """Write `labels.csv` and 168 images of 56 made-up patients into `images/`.

    Args:
        folder: An existing, empty folder.
        seed: The same seed writes the same bytes.
    """
    mark(folder, "a table of images", "a row without a label and a row without a file")
    (folder / "images").mkdir()
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image_id", "patient_id", "diagnosis", "age"])
    for patch in draw_patches(("ring", "spot"), 56, 3, 80, seed):
        name = f"img_{3 * patch.patient + patch.number:04d}"
        image = Image.fromarray(to_uint8(patch.pixels))
        (folder / "images" / f"{name}.png").write_bytes(encode(image, ".png"))
        unlabelled = (patch.patient, patch.number) == (9, 2)
        label = "" if unlabelled else _LABELS[patch.kind]
        table.writerow([name, f"P{patch.patient:03d}", label, 30 + 7 * patch.patient % 50])
    table.writerow(["img_9999", "P001", "benign", 37])
    (folder / "labels.csv").write_text(text.getvalue(), encoding="utf-8", newline="\n")
