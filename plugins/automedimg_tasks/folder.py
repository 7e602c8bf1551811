"""The task `folder`: one folder of images a class, with or without the publisher's split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside, pseudonym
from automedimg.errors import ConfigurationError, DataError
from automedimg_tasks.folder_files import holds_image, images_beside, list_files
from automedimg_tasks.folder_layout import Layout, find_layout, last_wrapped
from automedimg_tasks.layout import MARKER
from automedimg_tasks.tables import quoted
from automedimg_tasks.tables_classes import MAX_CLASSES, choose_classes, parse_names

_SAMPLE_PATIENT = re.compile(r"(p\d{3,})_s\d+\.\w+$")


class Folder(Dataset):
    """Reads class folders.

    Args:
        classes: Names of the class folders, in order; others are left out.
        positive: Of two classes, the positive one.
        group: A regular expression that is searched in each path; its group is the patient.
    Raises:
        ConfigurationError: an option can't be read.
    """

    def __init__(self, *, classes: str = "", positive: str = "", group: str = "") -> None:
        self._classes = parse_names(classes)
        self._positive = positive.strip()
        self._group = parse_pattern(group)

    def locate(self, folder: Path) -> Path | None:
        """Find the folder with two class folders or more, at most three levels below."""
        layout = find_layout(folder, self._classes)
        if layout is None:
            return None
        if self._classes:
            return layout.home
        return layout.home if 2 <= len(layout.labels) <= MAX_CLASSES else None

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        """List the images by split, class and natural order, then those without a class."""
        layout = self._layout(root)
        if self._classes:
            kept = tuple(folder for folder in layout.folders if folder.label in self._classes)
            layout = replace(layout, folders=kept)
        return folder_records(root, layout, self._group)

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        """Fill in the classes, and say what was found."""
        layout = self._layout(root)
        classes = self._choose(layout.labels, root)
        sides = list(dict.fromkeys(f.split for f in layout.folders if f.split))
        split = f", split by its publisher into {' / '.join(sides)}" if sides else ""
        return replace(
            spec, classes=classes, layout=f"{len(classes)} folders {quoted(classes)}{split}"
        )

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write 180 synthetic images of three classes, in a few seconds."""
        from automedimg_tasks.folder_sample import write_class_folders

        write_class_folders(folder, seed)

    def _layout(self, root: Path) -> Layout:
        layout = find_layout(root, self._classes)
        if layout is None:
            self._choose([last_wrapped(root).name] if holds_image(root) else [], root)
            raise DataError(
                f"`{root.name}` has no folders of the classes {quoted(self._classes)}",
                "write the names of the folders as they are, between commas",
            )
        return layout

    def _choose(self, labels: Iterable[str], root: Path) -> tuple[str, ...]:
        return choose_classes(
            labels,
            classes=self._classes,
            positive=self._positive,
            where=f"the folders of `{root.name}`",
        )


def parse_pattern(text: str) -> re.Pattern[str] | None:
    """Read the option ``group`` of a task that finds patients in paths.

    Raises:
        ConfigurationError: it is no regular expression with one group.
    """
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ConfigurationError(
            f"option `group` is `{text}`, no regular expression: {error}",
            r"an example: group=(p\d+)_ finds p12 in p12_3.png",
        ) from error
    if pattern.groups != 1:
        raise ConfigurationError(
            f"option `group` is `{text}` with {pattern.groups} groups; expected one, in brackets",
            r"an example: group=(p\d+)_ finds p12 in p12_3.png; brackets that don't count: (?: )",
        )
    return pattern


def folder_records(
    root: Path, layout: Layout, pattern: re.Pattern[str] | None
) -> Iterator[Record | SetAside]:
    """List the images of a layout.

    Args:
        root: What paths are relative to.
        layout: Its class folders.
        pattern: Finds the patient in a path.
    Raises:
        DataError: `pattern` finds none in any path.
    """
    matched, example = 0, ""
    if pattern is None and (root / MARKER).is_file():
        pattern = _SAMPLE_PATIENT
    for folder in layout.folders:
        prefix = folder.path.relative_to(root).as_posix()
        for name in list_files(folder.path):
            path = example = f"{prefix}/{name}"
            found = pattern.search(path) if pattern else None
            group = found.group(1) if found else None
            matched += bool(group)
            yield Record(path, folder.label, pseudonym(group) if group else None, folder.split)
    if pattern not in (None, _SAMPLE_PATIENT) and example and not matched:
        raise DataError(
            f"option `group`: `{pattern.pattern if pattern else ''}` is in none of the paths, "
            f"e.g. not in `{example}`",
            "it is searched in the path below the data set's folder; mind upper and lower case",
        )
    yield from _without_class(root, layout)


def _without_class(root: Path, layout: Layout) -> Iterator[SetAside]:
    for parent in layout.parents:
        for name in images_beside(parent):
            path = (parent / name).relative_to(root).as_posix()
            yield SetAside(path, "beside the class folders, in none of them")
    for other in layout.others:
        path = other.relative_to(root).as_posix()
        yield SetAside(path, f"{len(list_files(other)):,} images beside the folders of the split")
