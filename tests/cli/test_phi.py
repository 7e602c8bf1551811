"""What identifies a person in a DICOM header reaches no output of any command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from automedimg.data.reading import strict_pillow

NAME, BORN = "ZQXDOE", "19410203"
TEXTS = ("PN", "LO", "LT", "SH", "ST", "UT", "UC", "UR", "AE")
NEEDED = {"SpecificCharacterSet", "PhotometricInterpretation"}


def write_slice(path: Path, number: int, patient: int) -> None:
    """Write a small CT slice whose header names a person in every element that can."""
    rng = np.random.default_rng(number)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >> 16 > 2 and vr in TEXTS and keyword not in NEEDED:
            made.add_new(tag, vr, NAME)
        elif vr == "DA" and tag >> 16 > 2:
            made.add_new(tag, vr, BORN)
    made.add_new(0x00090010, "LO", NAME)
    made.add_new(0x00091001, "LO", f"{NAME} private")
    made.PatientID = f"{NAME}-{patient}"
    made.StudyInstanceUID = generate_uid(entropy_srcs=[f"study {patient}"])
    made.BurnedInAnnotation = "YES"
    made.Modality = "CT"
    made.SOPClassUID, made.SOPInstanceUID = meta[0x00020002].value, meta[0x00020003].value
    made.Rows = made.Columns = 32
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.PixelRepresentation = 0
    pixels = rng.integers(0, 2000, (32, 32)) + 2000 * (number % 2)
    made.PixelData = pixels.astype("<u2").tobytes()
    with strict_pillow():
        pydicom.dcmwrite(path, made)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Forty slices of twenty patients in two class folders, and two damaged files."""
    folder = tmp_path / "scans"
    for name in ("clear", "opaque"):
        (folder / name).mkdir(parents=True)
    for number in range(40):
        home = folder / ("clear", "opaque")[number % 2]
        write_slice(home / f"slice{number:03d}.dcm", number, number // 2 if number > 3 else 0)
    whole = (folder / "clear" / "slice010.dcm").read_bytes()
    (folder / "clear" / "torn.dcm").write_bytes(whole[:-700])
    (folder / "clear" / "header.dcm").write_bytes(whole[: len(whole) // 3])
    return folder


def test_names_and_birth_dates_reach_no_output(tmp_path: Path, scans: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    said = b""

    def automedimg(*arguments: str) -> None:
        nonlocal said
        ran = subprocess.run(
            [sys.executable, "-m", "automedimg", *arguments],
            capture_output=True,
            cwd=home,
            timeout=300,
            env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
        )
        assert ran.returncode == 0, ran.stderr.decode()[-2000:]
        said += ran.stdout + ran.stderr

    automedimg("audit", "--data", str(scans), "--html", "--json")
    small = ["--trials", "1", "--epochs", "1", "--image-size", "32", "--backbones", "custom_cnn"]
    automedimg("search", "--data", str(scans), "--out", "run", "--offline", *small)
    automedimg("predict", "run", str(scans / "clear" / "slice000.dcm"))
    automedimg("explain", "run", str(scans / "clear" / "slice000.dcm"))

    assert b"BurnedInAnnotation" in said
    written = [path for path in home.rglob("*") if path.is_file()]
    assert {"report.html", "audit.html", "audit.json", "log.txt"} <= {p.name for p in written}
    spoken = {"what was printed": said, **{str(p): p.read_bytes() for p in written}}
    for where, content in spoken.items():
        for secret in (NAME, BORN):
            for encoded in (secret.encode(), secret.encode("utf-16-le")):
                assert encoded not in content, f"{secret} in {where}"
