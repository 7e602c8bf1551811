"""The tables of BCS-DBT: where they are, and what they say of each view of each breast."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from automedimg.contracts import SetAside
from automedimg.errors import DataError
from automedimg_tasks.layout import files_in, natural_order
from automedimg_tasks.tables import read_table

KEY = ("PatientID", "StudyUID", "View")
FINDINGS = ("Normal", "Actionable", "Benign", "Cancer")
PATHS = ("descriptive_path", "classic_path")
BOX = ("Slice", "VolumeSlices")
_NAME = re.compile(r"BCS-DBT-(labels|file-paths|boxes)-(train|validation|test)(.*)\.csv", re.I)
# In a study with two exposures of a view, the second is called `lcc2`.
_VIEW = re.compile(r"[lr](cc|mlo)\d*")


@dataclass(frozen=True, slots=True)
class Box:
    """An annotated finding.

    Args:
        slice: Index of its central slice, from 0.
        num_slices: Of the volume; None where the table does not say.
    """

    slice: int
    num_slices: int | None


@dataclass(frozen=True, slots=True)
class View:
    """One volume: a view of a breast in one study.

    Args:
        patient: The collection's pseudonym, ``DBT-P00001``.
        study: The collection's pseudonym, ``DBT-S00001``.
        name: ``lcc``, ``lmlo``, ``rcc`` or ``rmlo``, with a number where it is repeated.
        finding: One of `FINDINGS`.
        paths: Where its file may be, relative to the folder of the download.
        boxes: What is annotated in it.
    """

    patient: str
    study: str
    name: str
    finding: str
    paths: tuple[str, ...]
    boxes: tuple[Box, ...]

    @property
    def has_tumour(self) -> bool:
        """Whether a biopsy of it found a tumour, benign or not."""
        return self.finding in ("Benign", "Cancer")


Tables = Mapping[str, Mapping[str, Path]]
"""Path of each table, by split (``train``, ...) and then by kind (``labels``, ...)."""


def tables_in(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """Tables directly in a folder, by split and kind, of every version."""
    found: dict[tuple[str, str], list[Path]] = {}
    try:
        names = files_in(folder)
    except OSError:
        return {}
    for name in sorted(names):
        match = _NAME.fullmatch(name)
        if match:
            key = (match[2].lower(), match[1].lower())
            found.setdefault(key, []).append(folder / name)
    return found


def newest(tables: Mapping[tuple[str, str], list[Path]]) -> Tables:
    """Keep the latest version of each table: ``-v2`` rather than none."""
    kept: dict[str, dict[str, Path]] = {}
    for (split, kind), paths in sorted(tables.items()):
        kept.setdefault(split, {})[kind] = max(paths, key=lambda path: natural_order(path.stem))
    return kept


def read_views(tables: Tables) -> Iterator[View | SetAside]:
    """Join the tables of each split.

    Raises:
        DataError: one can't be read, or a split has labels but no paths.
    """
    for split, kinds in tables.items():
        if "labels" not in kinds:
            for path in kinds.values():
                yield SetAside(path.name, f"there is no table `BCS-DBT-labels-{split}*.csv`")
            continue
        if "file-paths" not in kinds:
            raise DataError(
                f"`{kinds['labels'].name}` is there, `BCS-DBT-file-paths-{split}*.csv` is not; "
                "expected both",
                "download it from the collection's page and put it beside the other tables",
            )
        yield from _views_of_split(kinds)


def _views_of_split(kinds: Mapping[str, Path]) -> Iterator[View | SetAside]:
    rows = read_table(kinds["file-paths"], required=(*KEY, PATHS[0]))
    paths = {_key(row): tuple(row.get(name, "") for name in PATHS) for row in rows}
    boxes = _read_boxes(kinds["boxes"]) if "boxes" in kinds else {}
    seen = set()
    for row in read_table(kinds["labels"], required=(*KEY, *FINDINGS)):
        key = _key(row)
        if key in seen:
            continue
        seen.add(key)
        name = "/".join(key)
        marked = [finding for finding in FINDINGS if _is_one(row[finding])]
        if not _VIEW.fullmatch(key[2]):
            yield SetAside(name, f"view `{key[2]}`; expected lcc, lmlo, rcc or rmlo")
        elif len(marked) != 1:
            yield SetAside(name, f"{len(marked)} labels are 1 in `{kinds['labels'].name}`, not one")
        elif key not in paths:
            yield SetAside(name, f"no row in `{kinds['file-paths'].name}`")
        else:
            yield View(*key, marked[0], paths[key], tuple(boxes.get(key, ())))


def _read_boxes(path: Path) -> dict[tuple[str, str, str], list[Box]]:
    found: dict[tuple[str, str, str], list[Box]] = {}
    for row in read_table(path, required=(*KEY, BOX[0])):
        try:
            volume = row.get(BOX[1], "")
            box = Box(int(float(row["Slice"])), int(float(volume)) if volume else None)
        except (ValueError, OverflowError) as error:
            raise DataError(
                f"`{path.name}` has the slice `{row['Slice']}` of `{row.get(BOX[1], '')}` for "
                f"{'/'.join(_key(row))}; expected whole numbers",
                "download the table again; a spreadsheet may have changed it",
            ) from error
        found.setdefault(_key(row), []).append(box)
    return found


def _key(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["PatientID"], row["StudyUID"], row["View"].lower()


def _is_one(value: str) -> bool:
    return value in ("1", "1.0", "True", "true")
