"""Synthetic DICOM files of made-up patients, with a table of labels."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from automedimg_tasks.dicom_headers import quiet_pydicom
from automedimg_tasks.folder_sample import Patch, draw_both
from automedimg_tasks.synthetic import mark

_SIDE = 96
_PATIENTS, _IMAGES = 42, 4


def write_dicom_sample(folder: Path, seed: int) -> None:
    """Write `labels.csv` and 168 files into `dicom/`; every third patient has both labels.

    Args:
        folder: An existing, empty folder.
        seed: The same seed writes the same bytes.
    """
    mark(folder, "a tree of DICOM files", "images of hardly any contrast")
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "lesion", "age"])
    with quiet_pydicom():
        for patch in draw_both(_PATIENTS, _IMAGES, _SIDE, seed):
            path = f"dicom/patient{patch.patient:02d}/image{patch.number}.dcm"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            _write(folder / path, patch, seed)
            age = 30 + (17 * patch.patient + seed) % 50
            table.writerow([path, "yes" if patch.kind == "spot" else "no", age])
    (folder / "labels.csv").write_text(text.getvalue(), encoding="utf-8", newline="\n")


def _write(path: Path, patch: Patch, seed: int) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(seed, patch.patient, patch.number)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID = meta.MediaStorageSOPClassUID
    file.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    file.StudyInstanceUID = _uid(seed, patch.patient, "study")
    file.SeriesInstanceUID = _uid(seed, patch.patient, "series")
    file.PatientID = f"SYNTHETIC-{patch.patient:03d}"
    file.PatientName = "SYNTHETIC^IMAGE"
    file.ImageComments = "SYNTHETIC image drawn by automedimg; not a patient"
    file.Modality = "CT"
    file.Rows, file.Columns = patch.pixels.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 12, 11, 0
    file.RescaleIntercept, file.RescaleSlope = "-1024", "1"
    file.PixelData = np.rint(patch.pixels * 2000 + 400).astype("<u2").tobytes()
    file.save_as(path, enforce_file_format=True)


def _uid(*names: int | str) -> str:
    return str(generate_uid(entropy_srcs=["automedimg sample", *map(str, names)]))
