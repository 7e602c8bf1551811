"""The task `npz`: arrays of images and labels in one file, as MedMNIST's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside, Source
from automedimg.errors import AutomedimgError, DataError
from automedimg_tasks.medmnist import CITATION, URL, Subset, subset_of
from automedimg_tasks.npz_arrays import Header, read_headers, read_labels
from automedimg_tasks.npz_layout import Pair, check_pairs, find_pairs, named_pair
from automedimg_tasks.tables import quoted
from automedimg_tasks.tables_classes import choose_classes, parse_label, parse_names
from automedimg_tasks.tables_finding import files_of, lone_folders, named_file

_SUFFIXES = frozenset({".npz"})
_SMALLEST, _LARGEST, _STEP = 32, 128, 32


@dataclass(frozen=True, slots=True)
class _Content:
    """An npz file, opened: its name, headers, pairs, and the labels of each pair, as text."""

    file: str
    headers: dict[str, Header]
    pairs: list[Pair]
    labels: list[list[str | None]]
    subset: Subset | None

    @property
    def found(self) -> list[str]:
        """Every image's label."""
        return [label for each in self.labels for label in each if label is not None]


class Npz(Dataset):
    """Reads images from npz files; values of images are left to the core.

    Args:
        file: Name of the file.
        images: Key of the images.
        labels: Key of the labels.
        classes: Labels to use, in order. For labels 0, 1, ... also names to give to them.
        positive: Of two classes, the positive one.
    Raises:
        ConfigurationError: an option can't be read.
    """

    def __init__(
        self,
        *,
        file: str = "",
        images: str = "",
        labels: str = "",
        classes: str = "",
        positive: str = "",
    ) -> None:
        self._file = file.strip()
        self._images, self._labels = images.strip(), labels.strip()
        self._classes = parse_names(classes)
        self._positive = positive.strip()
        self._opened: dict[Path, _Content] = {}

    def locate(self, folder: Path) -> Path | None:
        """Find the folder with the file: the given one, or the only folder in it, and so on."""
        for level in lone_folders(folder):
            if self._file:
                named = level / self._file
                if named.suffix.lower() in _SUFFIXES and named.is_file():
                    return level
            elif any(self._fits(path) for path in files_of(level, _SUFFIXES)):
                return level
        return None

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        """List the rows: training, validation, test, each in the order of its array."""
        content = self._open(root)
        names = self._names(content)
        for pair, labels in zip(content.pairs, content.labels, strict=True):
            for row, label in enumerate(labels):
                if label is None:
                    yield SetAside(content.file, f"no label for row {row} of `{pair.images}`")
                elif not self._classes or names.get(label, label) in self._classes:
                    part = f"{pair.images}/{row}"
                    yield Record(content.file, names.get(label, label), None, pair.split, part)

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        """Fill in classes, size and channels, and what is known of MedMNIST's files."""
        content = self._open(root)
        names = self._names(content)
        classes = self._choose(content, [names.get(label, label) for label in content.found])
        header = content.headers[content.pairs[0].images]
        spec = replace(
            spec,
            classes=classes,
            image_size=_image_size(header.side),
            channels=header.channels,
            layout=_in_words(content, header),
        )
        if content.subset is None:
            return spec
        source = Source(CITATION, URL, content.subset.licence)
        return replace(spec, source=source, modality=content.subset.modality)

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write 240 synthetic images in MedMNIST's layout, with a fixed split."""
        from automedimg_tasks.npz_sample import write_npz_sample

        write_npz_sample(folder, seed)

    def _fits(self, path: Path) -> bool:
        """Whether a file holds images and labels, or volumes and labels, which are refused."""
        try:
            headers = read_headers(path)
            pairs = self._pairs(path, headers)
        except (AutomedimgError, OSError, ValueError):
            return False
        arrays = [headers[pair.images] for pair in pairs]
        return any(array.is_images or array.is_volumes for array in arrays)

    def _pairs(self, path: Path, headers: dict[str, Header]) -> list[Pair]:
        if self._images or self._labels:
            return [named_pair(path.name, headers, self._images, self._labels)]
        return find_pairs(headers)

    def _path(self, root: Path) -> Path:
        if self._file:
            return named_file(root, self._file)
        files = files_of(root, _SUFFIXES)
        fitting = [path for path in files if self._fits(path)] if len(files) > 1 else files
        if len(fitting) != 1:
            names = [path.name for path in fitting or files]
            raise DataError(
                f"`{root.name}` holds {len(names)} npz files ({quoted(names) or 'none'}); expected "
                "one with images and labels",
                f"say which with the option file, e.g. file={names[0] if names else 'images.npz'}",
            )
        return fitting[0]

    def _open(self, root: Path) -> _Content:
        if root not in self._opened:
            self._opened[root] = self._read(root, self._path(root))
        return self._opened[root]

    def _read(self, root: Path, path: Path) -> _Content:
        headers = read_headers(path)
        pairs = self._pairs(path, headers)
        if not pairs:
            raise DataError(
                f"`{path.name}` has the arrays {quoted(list(headers)) or 'none'}; expected images "
                "and labels, or train_images, train_labels, ...",
                "name them with the options images and labels",
            )
        check_pairs(path.name, headers, pairs)
        subset = subset_of(path.name) if pairs[0].images == "train_images" else None
        if subset and not subset.classes:
            raise DataError(
                f"`{path.name}` is {subset.name}, whose images have several labels each; only one "
                "class an image is supported",
                "choose another subset, or make a file of the images of one label each",
            )
        arrays = [read_labels(path, pair.labels, headers) for pair in pairs]
        labels = [_texts(array) for array in arrays]
        file = path.relative_to(root).as_posix()
        return _Content(file, headers, pairs, labels, _if_like(subset, labels, headers, pairs))

    def _names(self, content: _Content) -> dict[str, str]:
        """Names of the labels 0, 1, ..., where they are known or the user gave them."""
        known = content.subset.classes if content.subset else ()
        found = set(content.found)
        numbers = {str(number) for number in range(len(self._classes))}
        if self._classes and found == numbers and not {*self._classes} & {*known, *found}:
            known = self._classes
        return {str(number): name for number, name in enumerate(known)}

    def _choose(self, content: _Content, labels: Sequence[str]) -> tuple[str, ...]:
        known = content.subset.classes if content.subset else ()
        if known and not self._classes and set(labels) == set(known):
            return choose_classes(labels, classes=known, positive=self._positive)
        where = f"`{content.pairs[0].labels}` of `{content.file}`"
        return choose_classes(labels, classes=self._classes, positive=self._positive, where=where)


def _texts(labels: npt.NDArray[Any]) -> list[str | None]:
    if labels.dtype.kind == "b":
        labels = labels.astype(np.int64)
    return [parse_label(str(label)) for label in labels.tolist()]


def _if_like(
    subset: Subset | None,
    labels: list[list[str | None]],
    headers: dict[str, Header],
    pairs: list[Pair],
) -> Subset | None:
    """A file that is only called like a subset of MedMNIST is taken for what is in it."""
    if subset is None:
        return None
    numbers = {str(number) for number in range(len(subset.classes))}
    fits = all(label in numbers for each in labels for label in each)
    return subset if fits and headers[pairs[0].images].channels == subset.channels else None


def _image_size(side: int) -> int:
    """The next multiple of 32, at least 32 and at most 128."""
    return min(_LARGEST, max(_SMALLEST, _STEP * -(-side // _STEP)))


def _in_words(content: _Content, header: Header) -> str:
    counts = [len(labels) for labels in content.labels]
    what = "grey" if header.channels == 1 else "RGB"
    height, width = header.plane
    words = f"{sum(counts):,} {what} images of {width} x {height} in `{content.file}`"
    if content.subset:
        missing = sum(content.subset.counts) - sum(counts)
        share = f" ({missing:,} fewer than published)" if missing > 0 else ""
        words += f", {content.subset.name}{share}"
    if content.pairs[0].split is None:
        return words
    sides = ", ".join(f"{p.split} {n:,}" for p, n in zip(content.pairs, counts, strict=True))
    return f"{words}; the publisher's split: {sides}"
