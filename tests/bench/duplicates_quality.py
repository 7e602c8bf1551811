"""Measures the copy finder on real images: recall per transformation, false merges per data set.

Run: python tests/bench/duplicates_quality.py --data FOLDER
FOLDER may hold br35h/{yes,no}, leukemia/CLASS, pneumoniamnist/pneumoniamnist.npz; what is missing
is skipped. Images are read only.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from automedimg.data.duplicates import connected_groups, find_copies

Grey = npt.NDArray[np.uint8]
Change = Callable[[Grey], Grey]
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif"}


def clipped(values: npt.NDArray[np.float64]) -> Grey:
    return values.round().clip(0, 255).astype(np.uint8)


def contrast(factor: float) -> Change:
    return lambda a: clipped((a - a.mean()) * factor + a.mean())


def brightness(shift: float) -> Change:
    return lambda a: clipped(a.astype(np.float64) + shift)


def gamma(power: float) -> Change:
    return lambda a: clipped(255 * (a / 255) ** power)


def jpeg(quality: int) -> Change:
    def change(a: Grey) -> Grey:
        file = io.BytesIO()
        Image.fromarray(a).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return change


def resize(factor: float) -> Change:
    def change(a: Grey) -> Grey:
        size = (max(8, round(a.shape[1] * factor)), max(8, round(a.shape[0] * factor)))
        return np.asarray(Image.fromarray(a).resize(size, Image.Resampling.BILINEAR))

    return change


def chain(*changes: Change) -> Change:
    def change(a: Grey) -> Grey:
        for one in changes:
            a = one(a)
        return a

    return change


CHANGES: dict[str, Change] = {
    "none": lambda a: a,
    **{f"contrast x{f}": contrast(f) for f in (0.6, 1.3, 1.6)},
    **{f"brightness {s:+d}": brightness(s) for s in (-40, 40)},
    **{f"gamma {p}": gamma(p) for p in (0.6, 1.6)},
    **{f"jpeg {q}": jpeg(q) for q in (30, 60, 90)},
    **{f"resize x{f}": resize(f) for f in (0.5, 2.0)},
    "c1.6 b+40 q50": chain(contrast(1.6), brightness(40), jpeg(50)),
    "c0.6 b-40 r0.5 q50": chain(contrast(0.6), brightness(-40), resize(0.5), jpeg(50)),
    "g0.6 c1.6 q30": chain(gamma(0.6), contrast(1.6), jpeg(30)),
    "g1.6 b-40 r0.5 q30": chain(gamma(1.6), brightness(-40), resize(0.5), jpeg(30)),
    "mirrored": lambda a: np.ascontiguousarray(a[:, ::-1]),
    "upside down, g0.6": chain(gamma(0.6), lambda a: np.ascontiguousarray(a[::-1])),
}


def thumbnail(a: Grey) -> Grey:
    return np.asarray(Image.fromarray(a).resize((64, 64), Image.Resampling.BICUBIC))


def read(path: Path) -> Grey:
    with Image.open(path) as image:
        image.thumbnail((512, 512))
        return np.asarray(image.convert("L"))


def read_folder(root: Path) -> tuple[list[Grey], list[str]]:
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
    return [read(p) for p in paths], [p.parent.name for p in paths]


def read_npz(path: Path) -> tuple[list[Grey], list[str]]:
    with np.load(path, allow_pickle=False) as arrays:
        names = sorted(k for k in arrays.files if k.endswith("_images"))
        images = [image for name in names for image in arrays[name]]
        labels = [
            str(int(v))
            for name in names
            for v in arrays[name.replace("_images", "_labels")].ravel()
        ]
    return images, labels


def report_merges(images: list[Grey], labels: list[str]) -> None:
    """Print what is merged in the set as it is, and how long that took."""
    thumbs = np.stack([thumbnail(a) for a in images])
    start = time.perf_counter()
    pairs = find_copies(thumbs)
    seconds = time.perf_counter() - start
    groups = connected_groups(len(thumbs), pairs)
    sizes = np.bincount(groups)
    difference = np.abs(thumbs[pairs[:, 0]].astype(int) - thumbs[pairs[:, 1]]).mean(axis=(1, 2))
    classes = np.unique(labels, return_inverse=True)[1]
    cross = int((classes[pairs[:, 0]] != classes[pairs[:, 1]]).sum())
    print(f"  {len(thumbs)} images, {seconds:.1f} s: {len(pairs)} pairs, {len(sizes)} groups,")
    print(f"  {(sizes[groups] > 1).sum()} images with a copy, biggest {np.sort(sizes)[:-7:-1]}")
    # Across classes a merge is wrong; pixels that differ may be a changed copy or a wrong merge.
    print(f"  pairs across classes {cross}, pairs whose pixels differ {(difference > 4).sum()}")


def report_recall(images: list[Grey], sample: int, seed: int) -> None:
    """Print the share of changed copies that are paired with their original.

    Each couple is judged by itself: other copies in the set can't help it by a chain.
    """
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(images), min(sample, len(images)), replace=False)
    for name, change in CHANGES.items():
        couples = (np.stack([thumbnail(images[i]), thumbnail(change(images[i]))]) for i in rows)
        recall = np.mean([len(find_copies(couple)) for couple in couples])
        print(f"  {name:<22}{100 * recall:6.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sample", type=int, default=250, help="images changed per data set")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for name in ("br35h", "leukemia", "pneumoniamnist"):
        root = args.data / name
        if not root.is_dir():
            print(f"{name}: not in {args.data}, skipped")
            continue
        npz = next(root.glob("*.npz"), None)
        images, labels = read_npz(npz) if npz else read_folder(root)
        print(name)
        report_merges(images, labels)
        report_recall(images, args.sample, args.seed)


if __name__ == "__main__":
    main()
