"""DICOM files and the few things of their headers that are needed; nothing that names a person."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword

from automedimg.contracts import SetAside
from automedimg.errors import ConfigurationError
from automedimg_tasks.folder_files import DICOM_SUFFIXES, PLAIN_SUFFIXES, list_files, suffix

_NEVER = PLAIN_SUFFIXES | frozenset(
    {".csv", ".tsv", ".txt", ".json", ".xml", ".html", ".md", ".pdf", ".zip", ".gz", ".npz", ".npy"}
    | {".xls", ".xlsx", ".nii", ".h5", ".hdf5", ".py", ".ipynb", ".yaml", ".yml", ".log", ".db"}
)
_INDEX = "dicomdir"
# What a file without the usual preamble starts with: its meta group, or its identifying one.
_BARE_STARTS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")
_TAGS = (
    *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "Modality"),
    *("NumberOfFrames", "Rows", "SamplesPerPixel"),
)
# Value representations of names, times, identifiers, nested and binary values.
_REFUSED_KINDS = frozenset({"PN", "DA", "TM", "DT", "UI", "SQ", "OB", "OW", "OF", "OD", "UN", "UR"})
_REFUSED_WORDS = re.compile(
    r"(ID|IDs|Name|Names|Number|Numbers|Address|Comments|Locator|History|Description)$"
    r"|Physician|Operator|Institution|Telephone|Serial|Accession|Issuer|Station|Person|Religious"
)


@dataclass(frozen=True, slots=True)
class Header:
    """What is read of one file. Identifiers stay in memory: records get pseudonyms.

    Args:
        path: Relative to the data set's folder, with forward slashes.
        instance: SOPInstanceUID; this and the others are empty where missing.
        series: SeriesInstanceUID.
        study: StudyInstanceUID.
        patient: PatientID.
        modality: For example ``CT``.
        num_frames: At least 1.
        samples: 1 for grey, 3 for colour.
        tag: Value of the tag that was asked for.
    """

    path: str
    instance: str = ""
    series: str = ""
    study: str = ""
    patient: str = ""
    modality: str = ""
    num_frames: int = 1
    samples: int = 1
    tag: str = ""


def check_tag(keyword: str) -> None:
    """Raise unless a header field may serve as label.

    Raises:
        ConfigurationError: there is no such field, or it may identify a person.
    """
    if tag_for_keyword(keyword) is None:
        raise ConfigurationError(
            f"option `tag` is `{keyword}`, no keyword of the DICOM standard",
            "write it as the standard does, e.g. tag=BodyPartExamined",
        )
    kinds = set(dictionary_VR(keyword).split(" or "))
    if kinds & _REFUSED_KINDS or _REFUSED_WORDS.search(keyword):
        raise ConfigurationError(
            f"option `tag` is `{keyword}`, which may identify a person or holds no class",
            "choose a field of few values, e.g. tag=BodyPartExamined; or give a table of labels",
        )


def may_be_dicom(path: Path) -> bool:
    """Whether a file is DICOM: by its magic, or by its suffix and its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    if head[128:] == b"DICM":
        return True
    return path.suffix.lower() in DICOM_SUFFIXES and head.startswith(_BARE_STARTS)


def list_candidates(root: Path, *, limit: int = 0) -> list[str]:
    """List files that are called like DICOM, or like nothing in particular.

    Args:
        root: Where to look, at any depth.
        limit: Stop after so many files; 0 never stops.
    Returns:
        Paths relative to `root`, in natural order.
    """
    return list_files(root, is_candidate, limit=limit)


def is_candidate(path: str) -> bool:
    """Whether a file may be DICOM by its name: not another known format, and no index."""
    name = path.rpartition("/")[2].lower()
    return name != _INDEX and suffix(name) not in _NEVER


def read_headers(root: Path, tag: str = "") -> list[Header | SetAside]:
    """Read the headers of all DICOM files below a folder, without their pixels.

    Args:
        root: Where to look.
        tag: Keyword of one more field to read.
    Returns:
        In natural order. A file of another kind is passed over, unless it is called like DICOM.
    """
    found: list[Header | SetAside] = []
    wanted = [*_TAGS, tag] if tag else list(_TAGS)
    with quiet_pydicom():
        for path in list_candidates(root):
            if may_be_dicom(root / path):
                found.append(_read(root, path, wanted, tag))
            elif suffix(path) in DICOM_SUFFIXES:
                found.append(SetAside(path, "not a DICOM file"))
    return found


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom: its warnings and logs quote what is in the headers."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _read(root: Path, path: str, wanted: Sequence[str], tag: str) -> Header | SetAside:
    try:
        fields = pydicom.dcmread(
            root / path, stop_before_pixels=True, force=True, specific_tags=list(wanted)
        )
        texts = {keyword: _text(fields, keyword) for keyword in wanted}
    # A damaged header can raise anything in pydicom; its words may quote the header.
    except Exception:  # noqa: BLE001
        return SetAside(path, "a DICOM header that can't be read")
    if not texts["Rows"]:
        return SetAside(path, "a DICOM file without an image")
    return Header(
        path=path,
        instance=texts["SOPInstanceUID"],
        series=texts["SeriesInstanceUID"],
        study=texts["StudyInstanceUID"],
        patient=texts["PatientID"],
        modality=texts["Modality"] if re.fullmatch(r"[A-Z]{2,16}", texts["Modality"]) else "",
        num_frames=_number(texts["NumberOfFrames"]),
        samples=_number(texts["SamplesPerPixel"]),
        tag=texts.get(tag, ""),
    )


def _text(fields: pydicom.Dataset, keyword: str) -> str:
    value = fields.get(keyword)
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value).strip()
    return "\\".join(str(each) for each in value).strip()


def _number(text: str) -> int:
    return max(1, int(text)) if text.isdigit() else 1
