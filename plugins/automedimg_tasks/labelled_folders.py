"""A data set that has one folder of images for each class."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from automedimg.contracts import Dataset, Record
from automedimg_tasks.layout import MARKER, class_folders, images_in, search

_SAMPLE_NAME = re.compile(r"(p\d{3,})_s\d+\.\w+")


class LabelledFolders(Dataset):
    """Reads one folder a class; other folders beside them are no classes, and ignored.

    Patients are unknown; only our own samples name them, as in ``p012_s3.png``.
    """

    classes: ClassVar[tuple[str, ...]]
    """Names of the folders; upper and lower case count alike."""
    never: ClassVar[frozenset[str]] = frozenset()
    """Folders, in lower case, that are not entered in search of the classes."""

    def locate(self, folder: Path) -> Path | None:
        """Find the folder with all the classes, in `folder` or up to three levels below it.

        The shallowest one is taken, among equals the first by path.
        """
        return search(
            folder, lambda each: each if class_folders(each, self.classes) else None, self.never
        )

    def records(self, root: Path) -> Iterable[Record]:
        """List the images by class and natural order."""
        is_sample = (root / MARKER).is_file()
        for label, folders in (class_folders(root, self.classes) or {}).items():
            for folder in folders:
                for path in images_in(folder):
                    named = _SAMPLE_NAME.fullmatch(path.name) if is_sample else None
                    group = named.group(1) if named else None
                    yield Record(path.relative_to(root).as_posix(), label, group)
