"""Measures the copy finder on real images: recall per transformation, what is merged as it is.

Run: python tests/bench/duplicates_quality.py --data FOLDER
FOLDER may hold br35h/{yes,no}, leukemia/CLASS, pneumoniamnist/pneumoniamnist.npz; what is missing
is skipped. Images are read only. Each kind of copy is made of other images and all copies are put
among the originals at once; a copy counts as found if it is in the group of its original. Wrong are
pairs of a copy and an image that is no copy of its original by the set's own pairs. Those of the
ties in SEEN were looked at and are counted apart.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from automedimg.data.duplicates import connected_groups, find_copies

Grey = npt.NDArray[np.uint8]
Change = Callable[[Grey], Grey]
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif"}

SEEN = {
    # One slice of one head: 32 files of it dark where fluid is, 42 bright. Then a slice and a
    # mirrored copy of it with a wider margin than the finder's 10 %.
    "br35h": [("no/no1478.jpg", "no/no723.jpg"), ("no/no457.jpg", "no/no803.jpg")],
    # Two photographs of one field of a slide, moved a little.
    "leukemia": [("Early/WBC-Malignant-Early-232.jpg", "Early/WBC-Malignant-Early-493.jpg")],
}
"""Images that belong together though the finder does not pair them as they are. All pairs that the
seeds 0 to 2 called wrong on these two sets come from them."""


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
        Image.fromarray(np.ascontiguousarray(a)).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return change


def resize(factor: float) -> Change:
    def change(a: Grey) -> Grey:
        size = (max(8, round(a.shape[1] * factor)), max(8, round(a.shape[0] * factor)))
        return np.asarray(
            Image.fromarray(np.ascontiguousarray(a)).resize(size, Image.Resampling.BILINEAR)
        )

    return change


def crop(*shares: float) -> Change:
    """Cut shares off top, bottom, left and right."""

    def change(a: Grey) -> Grey:
        top, bottom = (round(share * a.shape[0]) for share in shares[:2])
        left, right = (round(share * a.shape[1]) for share in shares[2:])
        return a[top : a.shape[0] - bottom, left : a.shape[1] - right]

    return change


def random_crop(seed: int) -> Change:
    """Cut up to 10 % off each side, every time differently."""
    rng = np.random.default_rng(seed)
    return lambda a: crop(*rng.uniform(0, 0.1, 4))(a)


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
    "mirrored": np.fliplr,
    "upside down, g0.6": chain(gamma(0.6), np.flipud),
    "quarter turn": np.rot90,
    "transposed, c1.3 q60": chain(np.transpose, contrast(1.3), jpeg(60)),
    "crop 5 % each side": crop(0.05, 0.05, 0.05, 0.05),
    "crop 10 % left": crop(0, 0, 0.1, 0),
    "crop 10 % top left": crop(0.1, 0, 0.1, 0),
    "crop 10 % each side": crop(0.1, 0.1, 0.1, 0.1),
    "crop 0-10 % each side": random_crop(0),
    "crop, mirrored, c1.3 q60": chain(random_crop(1), np.fliplr, contrast(1.3), jpeg(60)),
    "crop, turned, g1.6 q60": chain(random_crop(2), np.rot90, gamma(1.6), jpeg(60)),
}


def thumbnail(a: Grey) -> Grey:
    square = Image.fromarray(np.ascontiguousarray(a)).resize((64, 64), Image.Resampling.BICUBIC)
    return np.asarray(square)


def read(path: Path) -> Grey:
    with Image.open(path) as image:
        image.thumbnail((512, 512))
        return np.asarray(image.convert("L"))


def read_folder(root: Path) -> tuple[list[Grey], list[str]]:
    """Return images, and a name CLASS/FILE of each."""
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
    return [read(p) for p in paths], [f"{p.parent.name}/{p.name}" for p in paths]


def read_npz(path: Path) -> tuple[list[Grey], list[str]]:
    """Return images, and a name CLASS/NUMBER of each."""
    with np.load(path, allow_pickle=False) as arrays:
        names = sorted(k for k in arrays.files if k.endswith("_images"))
        images = [image for name in names for image in arrays[name]]
        labels = [
            str(int(v))
            for name in names
            for v in arrays[name.replace("_images", "_labels")].ravel()
        ]
    return images, [f"{label}/{number}" for number, label in enumerate(labels)]


@dataclass(frozen=True)
class Merged:
    """What is merged in a set as it is."""

    images: int
    seconds: float
    pairs: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    cross_class: int

    def row(self, name: str) -> str:
        sizes = np.bincount(self.groups)
        with_copy = int((sizes[self.groups] > 1).sum())
        return (
            f"| {name} | {self.images} | {self.seconds:.1f} | {len(self.pairs)} | {len(sizes)} | "
            f"{with_copy} | {sizes.max()} | {self.cross_class} |"
        )


def merges(thumbs: Grey, names: list[str]) -> Merged:
    """Find the copies that a set holds."""
    start = time.perf_counter()
    pairs = find_copies(thumbs, symmetries="all")
    seconds = time.perf_counter() - start
    classes = np.unique([name.split("/")[0] for name in names], return_inverse=True)[1]
    cross = int((classes[pairs[:, 0]] != classes[pairs[:, 1]]).sum())
    return Merged(len(thumbs), seconds, pairs, connected_groups(len(thumbs), pairs), cross)


def with_ties(
    groups: npt.NDArray[np.int64], names: list[str], ties: list[tuple[str, str]]
) -> npt.NDArray[np.int64]:
    """Join groups of images that were seen to belong together."""
    row = {name: number for number, name in enumerate(names)}
    joined = [(groups[row[a]], groups[row[b]]) for a, b in ties if a in row and b in row]
    number = connected_groups(int(groups.max()) + 1, np.array(joined, np.int64).reshape(-1, 2))
    return number[groups]


@dataclass
class Recall:
    """What became of the copies put among the originals."""

    found: dict[str, list[bool]]
    wrong: int = 0
    seen: int = 0
    total: int = 0

    def line(self, name: str) -> str:
        return (
            f"{name}: of {self.total} copies, {self.wrong} paired with an image they are no copy "
            f"of, {self.seen} with one that was seen to belong to theirs"
        )


def recall(
    images: list[Grey],
    thumbs: Grey,
    groups: npt.NDArray[np.int64],
    subjects: npt.NDArray[np.int64],
    sample: int,
    seed: int,
) -> Recall:
    """Put changed copies among the originals.

    A few copies of each kind are added at a time, at most one of an original, so that copies can't
    help each other.
    """
    rng = np.random.default_rng(seed)
    result = Recall({name: [] for name in CHANGES})
    share = max(1, min(sample, len(images) // (2 * len(CHANGES))))
    for _ in range(-(-sample // share)):
        rows = rng.choice(len(images), share * len(CHANGES), replace=False)
        names = list(CHANGES) * share
        copies = [
            thumbnail(CHANGES[name](images[row])) for name, row in zip(names, rows, strict=True)
        ]
        pairs = find_copies(np.concatenate([thumbs, np.stack(copies)]), symmetries="all")
        new = pairs[pairs[:, 1] >= len(thumbs)]
        # A copy stands for its original, also as the partner of another copy.
        owner = np.concatenate([np.arange(len(thumbs)), rows])[new]
        same = groups[owner[:, 0]] == groups[owner[:, 1]]
        alike = subjects[owner[:, 0]] == subjects[owner[:, 1]]
        hit = set(new[same, 1].tolist()) | set(new[same, 0].tolist())
        for number, name in enumerate(names):
            result.found[name].append(len(thumbs) + number in hit)
        result.wrong += len(np.unique(new[~alike, 1]))
        result.seen += len(np.unique(new[alike & ~same, 1]))
        result.total += len(rows)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sample", type=int, default=100, help="copies of each kind")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows: list[str] = []
    columns: dict[str, dict[str, float]] = {}
    wrong: list[str] = []
    for name in ("br35h", "leukemia", "pneumoniamnist"):
        root = args.data / name
        if not root.is_dir():
            print(f"{name}: not in {args.data}, skipped")
            continue
        npz = next(root.glob("*.npz"), None)
        images, names = read_npz(npz) if npz else read_folder(root)
        thumbs = np.stack([thumbnail(a) for a in images])
        merged = merges(thumbs, names)
        rows.append(merged.row(name))
        subjects = with_ties(merged.groups, names, SEEN.get(name, []))
        result = recall(images, thumbs, merged.groups, subjects, args.sample, args.seed)
        columns[name] = {kind: float(np.mean(hits)) for kind, hits in result.found.items()}
        wrong.append(result.line(name))
    print("| data set | images | s | pairs | groups | with a copy | biggest | across classes |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|", *rows, sep="\n")
    print(f"\n| copy | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for kind in CHANGES:
        values = " | ".join(f"{100 * column[kind]:.1f} %" for column in columns.values())
        print(f"| {kind} | {values} |")
    print("", *wrong, sep="\n")


if __name__ == "__main__":
    main()
