"""Measures the copy finder on very many generated pictures: time, memory, recall, false merges.

Run: python tests/bench/duplicates_scale.py --folder FOLDER --num 220025
Writes thumbnails.npy (4 kB a picture) to FOLDER, which must exist, and uses it again. The pictures
are textured like stained tissue, cells on a ground; a share of them is blank or nearly so, a share
is a changed copy of another.
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from automedimg.data.copy_align import lay
from automedimg.data.duplicates import connected_groups, find_copies

Floats = npt.NDArray[np.float32]
SIDE = 64
CHUNK = 2048
BLANK = 0.12  # share of pictures with nothing on them but the noise of the camera
COPIES = 0.08  # share of pictures that are a changed copy of an earlier one
KINDS = (
    "exact",
    "contrast",
    "gamma",
    "noise",
    "flip",
    "quarter turn",
    "crop",
    "crop+turn+contrast",
)


def blur(pictures: Floats, sigma: float) -> Floats:
    kernel = gaussian_filter1d(np.eye(SIDE), sigma, axis=0).astype(np.float32)
    return kernel @ pictures @ kernel.T


def tissue(rng: np.random.Generator, num: int) -> Floats:
    """Dark cells on a stained ground; every picture has its own density and sizes."""
    ground = blur(rng.standard_normal((num, SIDE, SIDE), np.float32), 6.0)
    ground /= ground.std(axis=(1, 2), keepdims=True)
    fine = blur(rng.standard_normal((num, SIDE, SIDE), np.float32), 1.0)
    fine /= fine.std(axis=(1, 2), keepdims=True)
    field = blur(rng.standard_normal((num, SIDE, SIDE), np.float32), 2.2)
    field /= field.std(axis=(1, 2), keepdims=True)
    density = rng.uniform(0.4, 1.6, (num, 1, 1)).astype(np.float32)
    cells = 1 / (1 + np.exp(-6 * (field - density)))
    strength = rng.uniform(30, 80, (num, 1, 1)).astype(np.float32)
    values: Floats = 170 + 12 * ground + 6 * fine - strength * cells
    empty = rng.random(num) < BLANK
    values[empty] = 235 + rng.normal(0, 0.6, (int(empty.sum()), SIDE, SIDE))
    return values


def changed(rng: np.random.Generator, values: Floats, kind: str) -> Floats:
    num = len(values)
    if "crop" in kind:
        left, right = rng.uniform(0, 0.1, (2, num, 2)).astype(np.float32)
        scale, shift = 1 - left - right, (left - right) / 2
        placement = np.stack([scale[:, 0], shift[:, 0], scale[:, 1], shift[:, 1]], axis=1)
        values = lay(values, placement)
    if kind == "flip":
        values = values[:, :, ::-1]
    if "turn" in kind:
        values = np.rot90(values, axes=(1, 2))
    if kind == "gamma":
        values = 255 * (values.clip(0, 255) / 255) ** 1.5
    if "contrast" in kind:
        values = (values - 150) * 0.7 + 140
    if kind != "exact":
        values = values + rng.normal(0, 1.5, values.shape)
    return values


def generate(path: Path, num: int, seed: int) -> None:
    """Write the thumbnails; beside them, of each picture, the row it copies and how."""
    rng = np.random.default_rng(seed)
    thumbnails = np.lib.format.open_memmap(path, "w+", np.uint8, (num, SIDE, SIDE))
    source = np.full(num, -1, np.int64)
    kinds = np.full(num, -1, np.int8)
    originals = num - round(num * COPIES)
    for start in range(0, originals, CHUNK):
        values = tissue(rng, min(CHUNK, originals - start))
        thumbnails[start : start + len(values)] = values.round().clip(0, 255).astype(np.uint8)
    rows = rng.choice(originals, num - originals, replace=False)
    rows.sort()
    for number, place in enumerate(np.array_split(np.arange(len(rows)), len(KINDS))):
        for part in np.array_split(place, max(1, len(place) // CHUNK)):
            values = changed(rng, thumbnails[rows[part]].astype(np.float32), KINDS[number])
            thumbnails[originals + part] = values.round().clip(0, 255).astype(np.uint8)
        source[originals + place], kinds[originals + place] = rows[place], number
    thumbnails.flush()
    np.savez(path.with_suffix(".truth.npz"), source=source, kinds=kinds)


def anonymous_bytes() -> int:
    """Memory in use that no file backs; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return int(lines["RssAnon"].split()[0]) * 1024


def watch(stop: threading.Event, peak: list[int]) -> None:
    while not stop.wait(0.05):
        peak[0] = max(peak[0], anonymous_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--num", type=int, default=220_025)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    path = args.folder / f"thumbnails_{args.num}_{args.seed}.npy"
    if not path.exists():
        generate(path, args.num, args.seed)
    thumbnails = np.load(path, mmap_mode="r", allow_pickle=False)
    with np.load(path.with_suffix(".truth.npz"), allow_pickle=False) as truth:
        source, kinds = truth["source"], truth["kinds"]
    peak, stop = [0], threading.Event()
    watcher = threading.Thread(target=watch, args=(stop, peak))
    watcher.start()
    start, spent = time.perf_counter(), time.process_time()
    pairs = find_copies(thumbnails, symmetries="all")
    seconds, spent = time.perf_counter() - start, time.process_time() - spent
    stop.set()
    watcher.join()
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{args.num} pictures: {seconds:.0f} s, {spent:.0f} s of processor time,")
    print(f"peak {peak[0] / 2**30:.2f} GiB besides the memory map, {whole:.2f} GiB with it")
    groups = connected_groups(args.num, pairs)
    spread = np.array([thumbnails[row].std() for row in source.clip(0)])
    shown = (source >= 0) & (spread > 3)
    print("\n| kind | copies | recall |\n|---|---:|---:|")
    for number, kind in enumerate(KINDS):
        rows = np.flatnonzero(shown & (kinds == number))
        recall = np.mean(groups[rows] == groups[source[rows]])
        print(f"| {kind} | {len(rows)} | {100 * recall:.2f} % |")
    true_pair = (source[pairs[:, 1]] == pairs[:, 0]) | (source[pairs[:, 0]] == pairs[:, 1])
    wrong = len(np.unique(pairs[~true_pair]))
    print(f"\nfalse: {(~true_pair).sum()} pairs, {100 * wrong / args.num:.3f} % of the pictures")
    print(f"blank copies not shown: {((source >= 0) & ~shown).sum()}")


if __name__ == "__main__":
    main()
