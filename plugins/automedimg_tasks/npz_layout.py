"""Which arrays of an npz file are images, labels and splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automedimg.contracts import SplitName
from automedimg.errors import DataError
from automedimg_tasks.npz_arrays import Header
from automedimg_tasks.tables import quoted

_PAIRS = (
    ("images", "labels"),
    ("image", "label"),
    ("x", "y"),
    ("X", "y"),
    ("X", "Y"),
    ("data", "target"),
    ("data", "targets"),
    ("data", "labels"),
)
_SIDES: tuple[tuple[SplitName, tuple[str, ...]], ...] = (
    ("train", ("train",)),
    ("validation", ("val", "valid", "validation")),
    ("test", ("test",)),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An array of images, that of their labels, and the side that they are on."""

    images: str
    labels: str
    split: SplitName | None = None


def find_pairs(headers: Mapping[str, Header]) -> list[Pair]:
    """Find images and labels by well-known keys: `train_images`, `x_train`, `images`, ...

    Args:
        headers: Of the file's arrays.
    Returns:
        With a split, those of training first; empty if there are none.
    """
    for images, labels in _PAIRS:
        split = [pair for pair in _split_pairs(images, labels) if _there(pair, headers)]
        if any(pair.split == "train" for pair in split) and len(split) > 1:
            return split
        plain = Pair(images, labels)
        if _there(plain, headers):
            return [plain]
        if len(split) == 1:
            return [Pair(split[0].images, split[0].labels)]
    return []


def named_pair(file: str, headers: Mapping[str, Header], images: str, labels: str) -> Pair:
    """Return the arrays that the options name; the one that isn't named by its well-known key.

    Raises:
        DataError: one of them is not there.
    """
    keys = list(headers)
    images = images or next((i for i, _ in _PAIRS if i in headers), "")
    labels = labels or next((label for _, label in _PAIRS if label in headers), "")
    for option, key in (("images", images), ("labels", labels)):
        if key not in headers:
            raise DataError(
                f"option `{option}` is `{key}`; `{file}` has the arrays {quoted(keys)}",
                "name both, e.g. images=scans and labels=diagnoses",
            )
    return Pair(images, labels)


def check_pairs(file: str, headers: Mapping[str, Header], pairs: list[Pair]) -> None:
    """Raise unless the arrays hold images, with as many labels.

    Raises:
        DataError: they hold something else; volumes are named as such.
    """
    for pair in pairs:
        images, labels = headers[pair.images], headers[pair.labels]
        if images.is_volumes:
            raise DataError(
                f"`{pair.images}` in `{file}` has the shape {images.shape}: volumes; only 2D "
                "images are supported",
                "choose slices, and save them as (N, H, W) or (N, H, W, 3)",
            )
        if not images.is_images:
            raise DataError(
                f"`{pair.images}` in `{file}` has the shape {images.shape} and the type "
                f"{images.dtype}; expected images",
                "save them as numbers of shape (N, H, W) or (N, H, W, 3)",
            )
        num_labels = labels.shape[0] if labels.shape else 0
        if num_labels != images.shape[0]:
            raise DataError(
                f"`{file}` has {images.shape[0]:,} images in `{pair.images}` and {num_labels:,} "
                f"labels in `{pair.labels}`",
                "save as many labels as images",
            )


def _split_pairs(images: str, labels: str) -> list[Pair]:
    return [
        pair
        for side, words in _SIDES
        for word in words
        for pair in (
            Pair(f"{word}_{images}", f"{word}_{labels}", side),
            Pair(f"{images}_{word}", f"{labels}_{word}", side),
        )
    ]


def _there(pair: Pair, headers: Mapping[str, Header]) -> bool:
    return pair.images in headers and pair.labels in headers
