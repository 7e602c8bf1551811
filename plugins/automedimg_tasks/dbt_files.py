"""The files of BCS-DBT: where they are, and how many slices each has."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from automedimg_tasks.dbt_tables import View, newest, tables_in
from automedimg_tasks.layout import MARKER, SEARCH_DEPTH, searchable_folders, subfolders

COLLECTION = "Breast-Cancer-Screening-DBT"
"""Name of the folder in which TCIA's downloader puts the patients."""

# Some downloads have `-NA-` in the names of series, some tables don't; and the other way round.
_SERIES = re.compile(r"(/[^/-]+\.\d+)-(NA-)?(\d+/[^/]+)$")


@dataclass(frozen=True, slots=True)
class Download:
    """What was found.

    Args:
        root: The folder that holds it all.
        tables: By split and kind, the latest version of each.
        homes: Folders that hold a folder `COLLECTION`.
    """

    root: Path
    tables: Mapping[str, Mapping[str, Path]]
    homes: tuple[Path, ...]


def find_download(folder: Path) -> Download | None:
    """Find tables and images, in `folder` or up to three levels below it.

    They may lie side by side or apart, the splits in one folder or in several. A synthetic sample
    is taken alone, and only where there is nothing else.
    """
    found: dict[Path, dict[tuple[str, str], list[Path]]] = {}
    level = [folder]
    for _ in range(SEARCH_DEPTH + 1):
        for each in level:
            tables = tables_in(each)
            if tables or _is_home(each):
                found[each] = tables
        level = [child for p in level for child in searchable_folders(p, {COLLECTION.lower()})]
    samples = [each for each in found if (each / MARKER).is_file()]
    real = [each for each in found if each not in samples]
    has_labels = any(kind == "labels" for each in real for _, kind in found[each])
    kept = real if has_labels else samples[:1]
    if not kept:
        return None
    merged: dict[tuple[str, str], list[Path]] = {}
    for each in kept:
        for key, paths in found[each].items():
            merged.setdefault(key, []).extend(paths)
    root = Path(os.path.commonpath(kept))
    return Download(root, newest(merged), tuple(each for each in kept if _is_home(each)))


def _is_home(folder: Path) -> bool:
    return (folder / COLLECTION).is_dir()


class Files:
    """Finds the files of views, without asking for each in a folder that isn't there."""

    def __init__(self, download: Download) -> None:
        self._root = download.root
        self._patients = {
            home: {path.name for path in subfolders(home / COLLECTION)} for home in download.homes
        }

    def has_patient(self, patient: str) -> bool:
        """Whether there is a folder of that patient."""
        return any(patient in patients for patients in self._patients.values())

    def find(self, view: View) -> str | None:
        """Path of a view's file, relative to the root, with forward slashes; None if missing."""
        for home, patients in self._patients.items():
            if view.patient not in patients:
                continue
            for name in candidates(view):
                if (home / name).is_file():
                    return (home / name).relative_to(self._root).as_posix()
        return None


def candidates(view: View) -> list[str]:
    """Paths that a view's file may have, the likeliest first; none that leaves the folder."""
    given = [path.replace("\\", "/") for path in view.paths if path]
    other = [_SERIES.sub(_toggle, path) for path in given]
    return [
        path
        for path in dict.fromkeys([*given, *other])
        if ".." not in PurePosixPath(path).parts and not Path(path).is_absolute()
    ]


def _toggle(match: re.Match[str]) -> str:
    return f"{match[1]}-{'' if match[2] else 'NA-'}{match[3]}"


def num_frames(path: Path) -> int:
    """Number of images in a DICOM file, from its header.

    Raises:
        ValueError: the header can't be read; the message is half a sentence.
    """
    # pydicom takes a while to import, and listing tasks needs none of it.
    from pydicom import dcmread

    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["NumberOfFrames"])
        return int(header.get("NumberOfFrames", 1) or 1)
    # pydicom raises nearly anything on damaged headers.
    except Exception as error:
        raise ValueError(f"its DICOM header can't be read ({type(error).__name__})") from error
