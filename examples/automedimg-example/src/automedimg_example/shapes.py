"""The task `shapes`: a folder of discs and a folder of squares."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from automedimg.contracts import Dataset, Record
from PIL import Image
from scipy.ndimage import gaussian_filter

CLASSES = ("disc", "square")
SIDE = 64
NUM_SHEETS = 60
SHAPES_PER_SHEET = 2


class Shapes(Dataset):
    """Reads ``<class>/s<sheet>_<number>.png``; what stands on one sheet of paper is a group."""

    def locate(self, folder: Path) -> Path | None:
        """Find the folder that holds both classes: the one given, or one right below it."""
        below = sorted(child for child in folder.iterdir() if child.is_dir())
        for root in (folder, *below):
            if all((root / label).is_dir() for label in CLASSES):
                return root
        return None

    def records(self, root: Path) -> Iterable[Record]:
        """List the images by class and name."""
        for label in CLASSES:
            for path in sorted((root / label).glob("*.png")):
                yield Record(f"{label}/{path.name}", label, group=path.name.partition("_")[0])

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write 120 drawings on 60 sheets, and the file that says that they are synthetic."""
        rng = np.random.default_rng(seed)
        note = "SYNTHETIC IMAGES, drawn by a program.\n"
        (folder / "SYNTHETIC.txt").write_text(note, encoding="utf-8")
        for label in CLASSES:
            (folder / label).mkdir()
        for sheet in range(NUM_SHEETS):
            label = CLASSES[sheet % 2]
            for number in range(SHAPES_PER_SHEET):
                image = Image.fromarray(draw(rng, label))
                image.save(folder / label / f"s{sheet:03d}_{number}.png")


def draw(rng: np.random.Generator, label: str) -> npt.NDArray[np.uint8]:
    """Draw one shape on grainy paper: uint8, shape (64, 64)."""
    y, x = np.mgrid[:SIDE, :SIDE] - rng.uniform(24, 40, size=(2, 1, 1))
    radius = rng.uniform(10, 18)
    distance = np.hypot(x, y) if label == "disc" else np.maximum(abs(x), abs(y))
    paper = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 1.0)
    grey = 90 + 40 * paper + 80 * (distance < radius)
    return np.asarray(np.clip(grey, 0, 255), dtype=np.uint8)
