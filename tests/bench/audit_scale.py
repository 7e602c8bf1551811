"""Measures a whole audit of a set of PatchCamelyon's size: seconds and memory.

Run: python tests/bench/audit_scale.py --folder DIR [--images 220025]
DIR is filled once with generated 96 x 96 TIFF patches in the layout of Kaggle's
histopathologic-cancer-detection (6 GB for 220,025), among them blank ones and copies, and is used
again if it is there. The audit runs in a process of its own, with an empty cache.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

SIDE = 96
TILES = 60
BLANK_EVERY, COPY_EVERY = 25, 200
STAIN = np.array([[70, 20, 95], [205, 130, 175], [240, 225, 235]], np.float32)


def canvas(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A sheet of made-up tissue, uint8 (TILES * 96, TILES * 96, 3): nuclei on stroma."""
    side = TILES * SIDE
    noise = rng.standard_normal((side, side), dtype=np.float32)
    fine, coarse = gaussian_filter(noise, 2.5), gaussian_filter(noise[::8, ::8], 3.0)
    level = fine / fine.std() + 0.7 * np.kron(coarse / coarse.std(), np.ones((8, 8), np.float32))
    shade = np.clip(level * 40 + 128, 0, 255).astype(np.uint8)
    table = np.stack([np.interp(np.arange(256), (40, 130, 230), STAIN[:, c]) for c in range(3)], 1)
    return table.astype(np.uint8)[shade]


def write(folder: Path, number: int) -> None:
    """Write so many patches and their table."""
    rng = np.random.default_rng(0)
    (folder / "train").mkdir(parents=True)
    rows, sheet, last = [], canvas(rng), None
    for index in range(number):
        tile = index % TILES**2
        if index and tile == 0:
            sheet = canvas(rng)
        y, x = divmod(tile, TILES)
        patch = sheet[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE]
        if index % BLANK_EVERY == 7:
            patch = rng.integers(236, 240, patch.shape, np.uint8)
        if index % COPY_EVERY == 1 and last is not None:
            patch = np.clip(last[::-1].astype(int) * 0.9 + 12, 0, 255).astype(np.uint8)
        last = patch
        name = f"{index:040x}"
        Image.fromarray(np.ascontiguousarray(patch)).save(folder / "train" / f"{name}.tif")
        rows.append((name, index % 5 == 0))
    with (folder / "train_labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "label"), *((name, int(label)) for name, label in rows)])


def main() -> None:
    """Write the patches if they aren't there, audit them, and print figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=220_025)
    given = parser.parse_args()
    folder = given.folder / f"patches-{given.images}"
    if not (folder / "train_labels.csv").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        start = time.monotonic()
        write(folder, given.images)
        print(f"wrote {given.images} patches in {time.monotonic() - start:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as cache:
        command = [sys.executable, "-m", "automedimg", "audit", "--task", "pcam"]
        command += ["--data", str(folder), "--cache-dir", cache, "--json"]
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        found = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
    copies = len(range(1, given.images, COPY_EVERY))
    print(f"exit status {status}")
    print("| images | seconds | peak MB | images with a copy | copies written | blank |")
    print("|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {found['images']} | {seconds:.0f} | {usage.ru_maxrss / 1024:.0f} "
        f"| {found['images_with_copies']} | {copies} | {len(found['blank'])} |"
    )
    print(found["headline"])


if __name__ == "__main__":
    main()
