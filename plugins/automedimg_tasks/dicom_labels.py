"""Where the labels of DICOM files come from: a tag, a table, or their folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automedimg.errors import AutomedimgError, DataError
from automedimg_tasks.dicom_headers import Header
from automedimg_tasks.dicom_table import Key, Labels, find_key, table_labels
from automedimg_tasks.folder_layout import Layout, find_layout
from automedimg_tasks.tables import quoted
from automedimg_tasks.tables_classes import MAX_CLASSES, parse_label
from automedimg_tasks.tables_finding import named_file, tables_in


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user said of the labels; empty where nothing."""

    file: str = ""
    label: str = ""
    key: str = ""
    tag: str = ""
    classes: tuple[str, ...] = ()


def find_labels(root: Path, headers: Sequence[Header], choice: Choice) -> Labels:
    """Find the labels: the tag that was named, a table, the folders; in this order.

    A table whose label column has a name of its own comes after folders that can be classes.

    Args:
        root: The data set's folder.
        headers: Of its files.
        choice: What the user said.
    Raises:
        DataError: there are none, or it isn't clear which.
    """
    if choice.tag:
        return _tag_labels(headers, choice.tag)
    key = _find_table(root, headers, choice)
    if key is not None:
        found = table_labels(key, choice.label, guess=False)
        if found is not None:
            return found
    layout = class_layout(root, headers, choice.classes)
    if layout is not None:
        return _folder_labels(root, headers, layout)
    if key is not None:
        found = table_labels(key, choice.label, guess=True)
        if found is not None:
            return found
    raise DataError(
        f"`{root.name}` has {len(headers):,} DICOM images and no labels: expected a table "
        "(.csv) that names files, UIDs or PatientIDs, or one folder a class",
        "put the table beside the images, or take a header field: --option tag=BodyPartExamined",
    )


def _tag_labels(headers: Sequence[Header], tag: str) -> Labels:
    found = Labels(f"labels from the tag {tag}", missing=f"no {tag} in its header")
    for header in headers:
        label = parse_label(header.tag)
        if label is not None:
            found.labels[header.path] = label
    return found


def _find_table(root: Path, headers: Sequence[Header], choice: Choice) -> Key | None:
    if choice.file:
        table = named_file(root, choice.file)
        key = find_key(root, table, headers, choice.key)
        if key is None:
            raise DataError(
                f"no column of `{table.name}` names the DICOM files, their UIDs or PatientIDs",
                "name the column with the option key",
            )
        return key
    tables = tables_in(root)
    keys = [key for table in tables if (key := _try(root, table, headers, choice, len(tables)))]
    if len(keys) > 1:
        raise DataError(
            f"several tables name the DICOM files: {quoted([key.table.name for key in keys])}",
            f"say which with the option file, e.g. file={keys[0].table.name}",
        )
    if not keys and (choice.label or choice.key):
        names = quoted([table.name for table in tables]) or "none"
        raise DataError(
            f"no table of `{root.name}` ({names}) names the DICOM files, their UIDs or PatientIDs",
            "name the table with the option file and its column with the option key",
        )
    return keys[0] if keys else None


def _try(
    root: Path, table: Path, headers: Sequence[Header], choice: Choice, num_tables: int
) -> Key | None:
    """Look at a table; one of several may be of another kind, the only one has to be read."""
    try:
        return find_key(root, table, headers, choice.key)
    except AutomedimgError:
        if num_tables == 1:
            raise
        return None


def class_layout(
    root: Path, headers: Sequence[Header], classes: Sequence[str] = ()
) -> Layout | None:
    """Find folders that can be classes: two or more, and not simply one for each patient."""
    parents = {parent.as_posix() for header in headers for parent in Path(header.path).parents}
    layout = find_layout(
        root, classes, holds=lambda folder: folder.relative_to(root).as_posix() in parents
    )
    if layout is None or not (2 <= len(layout.labels) <= MAX_CLASSES):
        return None
    of_file = _folder_labels(root, headers, layout).labels
    pairs = {
        (header.patient, of_file[header.path])
        for header in headers
        if header.patient and header.path in of_file
    }
    patients, labels = {patient for patient, _ in pairs}, {label for _, label in pairs}
    one_each = len(pairs) == len(patients) == len(labels) > 0
    return layout if classes or not one_each else None


def _folder_labels(root: Path, headers: Sequence[Header], layout: Layout) -> Labels:
    found = Labels(
        f"labels from the folders {quoted(sorted(layout.labels))}",
        missing="in none of the class folders",
    )
    folders = {f.path.relative_to(root).as_posix(): f for f in layout.folders}
    for header in headers:
        for parent in Path(header.path).parents:
            folder = folders.get(parent.as_posix())
            if folder is not None:
                found.labels[header.path] = folder.label
                if folder.split:
                    found.splits[header.path] = folder.split
                break
    if found.splits:
        found.words += ", split by the publisher"
    return found
