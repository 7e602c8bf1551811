"""The task `dicom`: a tree of DICOM files, labelled by a table, a tag or their folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside, pseudonym
from automedimg.errors import ConfigurationError, DataError
from automedimg_tasks.dicom_headers import (
    Header,
    check_tag,
    is_candidate,
    list_candidates,
    may_be_dicom,
    read_headers,
)
from automedimg_tasks.dicom_labels import Choice, find_labels
from automedimg_tasks.dicom_table import Labels
from automedimg_tasks.folder_files import (
    DICOM_SUFFIXES,
    PLAIN_SUFFIXES,
    images_beside,
    list_files,
    suffix,
)
from automedimg_tasks.tables_classes import choose_classes, parse_names
from automedimg_tasks.tables_finding import lone_folders, tables_in

FRAMES = ("middle", "first", "all")
_PEEKED_FILES = 5_000
_OPENED_FILES = 12
_TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".tab"})


@dataclass(frozen=True, slots=True)
class _Content:
    """A folder's files, those that can't be used, and the labels."""

    headers: list[Header]
    aside: list[SetAside]
    labels: Labels

    @property
    def by_study(self) -> bool:
        """Whether one PatientID stands in all files: it was overwritten, and tells nothing."""
        patients = {header.patient for header in self.headers}
        studies = {header.study for header in self.headers} - {""}
        return len(patients) == 1 and len(studies) > 1


class Dicom(Dataset):
    """Reads DICOM files.

    Args:
        file: Name of the table of labels.
        label: Its column of labels.
        key: Its column of files, UIDs or PatientIDs.
        tag: Take the label from this field of the headers, by its keyword.
        frames: Of a file with several: ``middle``, ``first`` or ``all``.
        classes: Labels to use, in order; images of others are left out.
        positive: Of two classes, the positive one.
    Raises:
        ConfigurationError: an option can't be read, or the tag may identify a person.
    """

    def __init__(
        self,
        *,
        file: str = "",
        label: str = "",
        key: str = "",
        tag: str = "",
        frames: str = "middle",
        classes: str = "",
        positive: str = "",
    ) -> None:
        if frames not in FRAMES:
            raise ConfigurationError(
                f"option `frames` is `{frames}`; expected one of {', '.join(FRAMES)}",
                "middle takes one frame of a file with several, which is the default",
            )
        names = parse_names(classes)
        self._choice = Choice(file.strip(), label.strip(), key.strip(), tag.strip(), names)
        if self._choice.tag:
            check_tag(self._choice.tag)
        self._frames = frames
        self._positive = positive.strip()
        self._contents: dict[Path, _Content] = {}

    def locate(self, folder: Path) -> Path | None:
        """Find the folder: it, or the only folder in it, and so on; mostly of DICOM files.

        The table of labels or the classes' folders are in it; both may be missing.
        """
        if not _is_mostly_dicom(folder):
            return None
        file = self._choice.file
        if file:
            levels = (level for level in lone_folders(folder) if (level / file).is_file())
            return next(levels, None) if suffix(file) in _TABLE_SUFFIXES else None
        *wrapping, last = lone_folders(folder)
        return next((level for level in wrapping if tables_in(level) or _has_dicom(level)), last)

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        """List the images in natural order of their paths; patients are pseudonyms."""
        content = self._open(root)
        yield from content.labels.rows
        yield from content.aside
        for header in content.headers:
            yield from self._entries(header, content)

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        """Fill in classes, modality and channels, and say where the labels come from."""
        content = self._open(root)
        classes = choose_classes(
            content.labels.labels.values(),
            classes=self._choice.classes,
            positive=self._positive,
            where=f"the {content.labels.words}",
        )
        modality = Counter(h.modality for h in content.headers if h.modality).most_common(1)
        return replace(
            spec,
            classes=classes,
            channels=3 if any(header.samples > 1 for header in content.headers) else 1,
            modality=modality[0][0] if modality else spec.modality,
            layout=self._in_words(content),
        )

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write a table and 168 synthetic DICOM files of 42 made-up patients."""
        from automedimg_tasks.dicom_sample import write_dicom_sample

        write_dicom_sample(folder, seed)

    def _open(self, root: Path) -> _Content:
        if root not in self._contents:
            entries = read_headers(root, self._choice.tag)
            headers = [entry for entry in entries if isinstance(entry, Header)]
            aside = [entry for entry in entries if isinstance(entry, SetAside)]
            if not headers:
                reason = f" ({len(aside):,} files, e.g. {aside[0].reason})" if aside else ""
                raise DataError(
                    f"`{root.name}` has no DICOM images{reason}",
                    "name the folder that the files are in, or below",
                )
            self._contents[root] = _Content(
                headers, aside, find_labels(root, headers, self._choice)
            )
        return self._contents[root]

    def _entries(self, header: Header, content: _Content) -> Iterator[Record | SetAside]:
        labels, path = content.labels, header.path
        if path not in labels.labels:
            yield SetAside(path, labels.reasons.get(path, labels.missing))
            return
        label = labels.labels[path]
        if self._choice.classes and label not in self._choice.classes:
            return
        group = _group(header, content)
        for part in self._parts(header.num_frames):
            yield Record(path, label, group, labels.splits.get(path), part)

    def _parts(self, num_frames: int) -> list[str]:
        if num_frames == 1:
            return [""]
        if self._frames == "all":
            return [str(frame) for frame in range(num_frames)]
        return [str(num_frames // 2 if self._frames == "middle" else 0)]

    def _in_words(self, content: _Content) -> str:
        words = [f"{len(content.headers):,} DICOM images", content.labels.words]
        num_groups = len({_group(header, content) for header in content.headers} - {None})
        if content.by_study:
            words.append(f"one PatientID in all: {num_groups:,} examinations as groups")
        else:
            words.append(f"{num_groups:,} patients" if num_groups else "no PatientID")
        several = sum(header.num_frames > 1 for header in content.headers)
        if several:
            frames = "all frames" if self._frames == "all" else f"the {self._frames} frame"
            words.append(f"{frames} of {several:,} files with several")
        return "; ".join(words)


def _group(header: Header, content: _Content) -> str | None:
    """Pseudonym of the patient: of the header, else of the table, else the examination."""
    if header.patient and not content.by_study:
        return pseudonym(header.patient)
    if header.path in content.labels.groups:
        return content.labels.groups[header.path]
    return pseudonym(header.study) if header.study else None


def _has_dicom(folder: Path) -> bool:
    """Whether there are DICOM files in a folder itself; opens a few."""
    names = images_beside(folder, is_candidate)[:_OPENED_FILES]
    return any(may_be_dicom(folder / name) for name in names)


def _is_mostly_dicom(folder: Path) -> bool:
    """Whether DICOM files outnumber other images among the first files; opens a few."""
    candidates = list_candidates(folder, limit=_PEEKED_FILES)
    called_so = [path for path in candidates if suffix(path) in DICOM_SUFFIXES]
    opened = (called_so or candidates)[:_OPENED_FILES]
    if not any(may_be_dicom(folder / path) for path in opened):
        return False
    others = list_files(
        folder, lambda path: suffix(path) in PLAIN_SUFFIXES, limit=_PEEKED_FILES, ordered=False
    )
    return len(called_so or candidates) > len(others)
