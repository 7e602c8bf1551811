"""A synthetic sample of BCS-DBT: multi-frame DICOM files and the three tables."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from automedimg_tasks.breast import HEIGHT, WIDTH, Mass, draw_volume, random_mass
from automedimg_tasks.dbt_files import COLLECTION
from automedimg_tasks.dbt_tables import FINDINGS, KEY, PATHS
from automedimg_tasks.synthetic import NOTE, mark

_DEFECTS = (
    "a file that is cut off, a file that the tables name and that is missing, patients of the "
    "group Actionable"
)
_BOXES = ("Subject", "Slice", "X", "Y", "Width", "Height", "Class", "AD", "VolumeSlices")
# A patient's group: 100 patients give 52 normal, 8 actionable, 20 benign, 20 cancer.
_GROUPS = (
    ("Normal",) * 3 + ("Benign", "Cancer") + ("Normal",) * 2 + ("Benign", "Cancer", "Normal")
) * 2 + ("Normal", "Actionable", "Cancer", "Benign", "Normal")
_TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


def write_volumes(folder: Path, *, num_patients: int, seed: int = 0) -> None:
    """Write volumes and tables.

    Args:
        folder: An existing, empty folder.
        num_patients: 25 or more, for patients of every group.
        seed: The same seed writes the same bytes.
    """
    labels: list[tuple[object, ...]] = []
    paths: list[tuple[object, ...]] = []
    boxes: list[tuple[object, ...]] = []
    for number in range(1, num_patients + 1):
        rng = np.random.default_rng([seed, number, 5])
        group = _GROUPS[(number - 1) % len(_GROUPS)]
        side = str(rng.choice(["l", "r"]))
        views = [f"{side}cc", f"{side}mlo"][: 2 if group != "Normal" else int(rng.integers(1, 3))]
        # A tumour patient's other breast is normal.
        views += ["rcc" if side == "l" else "lcc"] if group in ("Benign", "Cancer") else []
        patient, study = f"DBT-P{number:05d}", f"DBT-S{number:05d}"
        for view in views:
            finding = group if view[0] == side else "Normal"
            key = (patient, study, view)
            names = _names(rng, patient, study)
            labels.append((*key, *(int(finding == each) for each in FINDINGS)))
            paths.append((*key, *names))
            num_slices = int(rng.integers(6, 10))
            masses = _masses(rng, finding, num_slices)
            volume = draw_volume(rng, num_slices, masses)
            if view[0] == "r":
                volume = volume[:, :, ::-1]
            boxes += [(*key, *_box(each, view, num_slices)) for each in masses]
            _write_dicom(folder / names[0], _to_uint16(rng, volume), key)
    damaged, missing = (folder / str(row[3]) for row in (paths[0], paths[-1]))
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    missing.unlink()
    _write_csv(folder / "BCS-DBT-labels-train-v2.csv", (*KEY, *FINDINGS), labels)
    _write_csv(folder / "BCS-DBT-file-paths-train-v2.csv", (*KEY, *PATHS), paths)
    _write_csv(folder / "BCS-DBT-boxes-train-v2.csv", (*KEY, *_BOXES), boxes)
    mark(folder, "Breast-Cancer-Screening-DBT", _DEFECTS)


def _names(rng: np.random.Generator, patient: str, study: str) -> tuple[str, str]:
    """Paths as the collection's: with words, and with identifiers."""
    first, second, third = rng.integers(10000, 99999, 3).tolist()
    described = f"01-01-2000-{study}-MAMMO SCREENING DIGITAL BILATERAL-{first}"
    series = f"{second}.000000-NA-{third}"
    return (
        f"{COLLECTION}/{patient}/{described}/{series}/1-1.dcm",
        f"{COLLECTION}/{patient}/{_uid(patient, study)}/{_uid(patient, series)}/1-1.dcm",
    )


def _masses(rng: np.random.Generator, finding: str, num_slices: int) -> tuple[Mass, ...]:
    kinds: dict[str, Literal["benign", "cancer"]] = {"Benign": "benign", "Cancer": "cancer"}
    kind = kinds.get(finding)
    return (random_mass(rng, kind, num_slices),) if kind else ()


def _box(mass: Mass, view: str, num_slices: int) -> tuple[object, ...]:
    x = mass.x if view[0] == "l" else WIDTH - 1 - mass.x
    size = round(2 * mass.radius)
    corner = max(0, round(x - mass.radius)), max(0, round(mass.y - mass.radius))
    return 0, mass.slice, *corner, size, size, mass.kind, 0, num_slices


def _to_uint16(
    rng: np.random.Generator, volume: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.uint16], int]:
    bits = int(rng.choice([10, 12, 14]))
    return np.rint(volume * (2**bits - 1)).astype(np.uint16), bits


def _write_dicom(
    path: Path, stored: tuple[npt.NDArray[np.uint16], int], key: tuple[str, str, str]
) -> None:
    # pydicom takes a while to import, and listing tasks needs none of it.
    from pydicom.dataset import Dataset, FileMetaDataset

    pixels, bits = stored
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _TOMOSYNTHESIS
    meta.MediaStorageSOPInstanceUID = _uid(*key)
    meta.TransferSyntaxUID = _EXPLICIT_LITTLE_ENDIAN
    image = Dataset()
    image.file_meta = meta
    image.SOPClassUID = _TOMOSYNTHESIS
    image.SOPInstanceUID = _uid(*key)
    image.StudyInstanceUID = _uid(key[1])
    image.SeriesInstanceUID = _uid(*key, "series")
    image.PatientID, image.PatientName = key[0], "SYNTHETIC"
    image.ImageComments = NOTE
    image.Modality, image.BurnedInAnnotation = "MG", "NO"
    image.ImageLaterality, image.ViewPosition = key[2][0].upper(), key[2][1:].upper()
    image.PhotometricInterpretation, image.SamplesPerPixel = "MONOCHROME2", 1
    image.NumberOfFrames, image.Rows, image.Columns = len(pixels), HEIGHT, WIDTH
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, bits, bits - 1
    image.PixelRepresentation = 0
    image.PixelData = np.ascontiguousarray(pixels).astype("<u2").tobytes()
    path.parent.mkdir(parents=True)
    image.save_as(path, enforce_file_format=True)


def _uid(*words: str) -> str:
    """An identifier under the root that anybody may use, the same for the same words."""
    return f"2.25.{int(sha256(' '.join(words).encode()).hexdigest()[:30], 16)}"


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
