"""From a dataset plugin's records to rows that can be read and labelled, and what is set aside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from PIL import Image

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside
from automedimg.data import forming, reading
from automedimg.data.decoding import Item
from automedimg.errors import DataError

PICTURE_SIDE = 160
"""Longer side in pixels of the pictures that are shown to people."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The images of a data set, before any was opened.

    Args:
        root: The folder that paths are relative to; a path may also be absolute.
        records: Those that can be tried.
        set_aside: The others, with reasons.
        num_external: So many records at the end come from an external test folder.
    """

    root: Path
    records: tuple[Record, ...]
    set_aside: tuple[SetAside, ...] = ()
    num_external: int = 0

    def items(self) -> list[Item]:
        """What has to be opened for each record."""
        return [(self.root / record.path, record.part) for record in self.records]

    def picture(self, name: str) -> Image.Image | None:
        """Open an image by its record's name, to look at; None where it can't be read."""
        path, _, part = name.rpartition("#") if "#" in name else (name, "", "")
        for item in ((self.root / path, part), (self.root / name, "")):
            if item[0].is_file():
                with reading.strict_pillow():
                    (raw,) = reading.read_parts(item[0], [item[1]], hint_side=PICTURE_SIDE)
                return None if isinstance(raw, str) else forming.picture(raw, PICTURE_SIDE)
        return None


def list_records(spec: DatasetSpec, dataset: Dataset, root: Path) -> Listing:
    """Ask a dataset plugin for its images.

    Args:
        spec: The task, specialised.
        dataset: What its factory returned.
        root: What `locate` returned.
    Raises:
        DataError: there are none, or a label is not of the task.
    """
    listing = _sort(root, dataset.records(root))
    if not listing.records:
        reasons = "".join(f"; {a.path}: {a.reason}" for a in listing.set_aside[:1])
        raise DataError(
            f"no images in `{root}`{reasons}; expected {spec.layout or 'images'}",
            "check `--data`, or try `--sample`",
        )
    check_labels(spec, listing.records)
    return listing


def with_external(main: Listing, external: Listing) -> Listing:
    """Append the images of another folder; they keep absolute paths and are the test side."""
    home = external.root.resolve()
    moved = [
        replace(record, path=(home / record.path).as_posix(), split="test")
        for record in external.records
    ]
    aside = (*main.set_aside, *external.set_aside)
    return Listing(main.root, (*main.records, *moved), aside, len(moved))


def check_labels(spec: DatasetSpec, records: Sequence[Record]) -> None:
    """Raise if a record's label is no class of the task.

    Raises:
        DataError: it is not; the error names both.
    """
    strange = sorted({record.label for record in records} - set(spec.classes))
    if strange:
        raise DataError(
            f"task `{spec.name}` gave the label `{strange[0]}`; "
            f"expected one of {', '.join(spec.classes)}",
            "check the labels of these images, or report it to the dataset plugin's author",
        )


def _sort(root: Path, found: Iterable[Record | SetAside]) -> Listing:
    """Part the records from what is set aside; the images of one file come to stand together."""
    records: list[Record] = []
    aside: list[SetAside] = []
    for entry in found:
        if isinstance(entry, SetAside):
            aside.append(replace(entry, path=_printable(entry.path)))
        elif _printable(entry.path) != entry.path:
            # File systems allow names that no encoding explains; nothing we write can hold them.
            aside.append(SetAside(_printable(entry.path), "the file's name is not valid Unicode"))
        else:
            records.append(entry)
    if _torn_files(records):
        order: dict[str, int] = {}
        for record in records:
            order.setdefault(record.path, len(order))
        records.sort(key=lambda record: order[record.path])
    return Listing(root, tuple(records), tuple(aside))


def _torn_files(records: Sequence[Record]) -> bool:
    paths = [path for path, _ in groupby(record.path for record in records)]
    return len(paths) != len(set(paths))


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()
