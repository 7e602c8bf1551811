"""What identifies a person stays in the file: no value, reason, log or warning holds it."""

from __future__ import annotations

import logging
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from reading_files import dataset
from reading_files import save as save_loudly

from automedimg.data.reading import RawImage, list_parts, read_parts, strict_pillow
from automedimg.data.reading.dicom_terms import DECODING, NUMBERS, PALETTE, SPACINGS
from automedimg.errors import DataError

SECRET = "ZQXDOE"
"""Stands for a name; short enough for every text that DICOM knows, and in no vocabulary."""

TEXTS = ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
NUMERIC_TEXTS = ("DS", "IS")
NEEDED = {*DECODING, *PALETTE, "TransferSyntaxUID", "PixelData"}
"""Elements without which there is no image; their damage is planted one at a time."""

STORED = np.arange(64, dtype=np.uint16).reshape(8, 8)


def raw(made: Dataset, tag: int, vr: str, text: str = SECRET) -> None:
    """Plant a text that pydicom would not let be written."""
    value = text.encode() + b" " * (len(text) % 2)
    made[tag] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag(tag), vr, len(value), value, 0, False, True
    )


def save(made: Dataset, path: Path, syntax: uid.UID = uid.ExplicitVRLittleEndian) -> Path:
    """Write a file without pydicom's own complaints about it."""
    with strict_pillow():
        return save_loudly(made, path, syntax)


def planted(vrs: tuple[str, ...], *, skip: set[str]) -> Dataset:
    """An image whose every element of these representations holds the secret."""
    made = dataset(STORED)
    inner = Dataset()
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >> 16 <= 2 or vr not in vrs or keyword in skip:
            continue
        raw(made, tag, vr)
        raw(inner, tag, vr)
    raw(made, 0x00091001, "LO")
    raw(made, 0x00090010, "LO")
    raw(inner, 0x00091001, "UN")
    made.RequestAttributesSequence = Sequence([inner])
    made.SharedFunctionalGroupsSequence = Sequence([inner])
    made.PerFrameFunctionalGroupsSequence = Sequence([inner])
    return made


class Ears:
    """Hears everything that reading says."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self._caplog = caplog
        self._capfd = capfd
        self.said: list[str] = []
        self.num_read = 0

    def read(self, path: Path) -> None:
        """Read all of a file and listen."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcomes: list[Any] = []
            try:
                outcomes += list_parts(path)
            except DataError as error:
                outcomes += [error.message, error.hint]
            images = list(read_parts(path, ["", "0", "1"]))
        self.num_read += sum(isinstance(image, RawImage) for image in images)
        self.said += [repr(outcome) for outcome in (*outcomes, *images)]
        self.said += [str(warning.message) for warning in caught]
        self.said += [repr(record.__dict__) for record in self._caplog.records]
        self.said += self._capfd.readouterr()

    def heard(self, secret: str = SECRET) -> list[str]:
        """What was said of the secret."""
        return [text for text in self.said if secret.lower() in text.lower()]


@pytest.fixture
def ears(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Ears:
    caplog.set_level(logging.DEBUG)
    return Ears(caplog, capfd)


def test_a_name_in_every_text_element_stays_inside(tmp_path: Path, ears: Ears) -> None:
    path = save(planted(TEXTS, skip=NEEDED), tmp_path / "texts.dcm")
    assert path.read_bytes().count(SECRET.encode()) > 5_000
    ears.read(path)
    assert ears.num_read == 2
    assert not ears.heard()


def test_a_name_in_every_number_stays_inside(tmp_path: Path, ears: Ears) -> None:
    path = save(planted(NUMERIC_TEXTS, skip=NEEDED), tmp_path / "numbers.dcm")
    ears.read(path)
    assert ears.num_read == 2
    (image,) = read_parts(path, [""])
    assert isinstance(image, RawImage)
    assert not {*NUMBERS, *SPACINGS} & {*image.facts.tags} - {"BitsStored", "PixelRepresentation"}
    assert not ears.heard()


@pytest.mark.parametrize("keyword", sorted({*DECODING, *PALETTE}))
def test_a_name_in_an_element_of_the_image_stays_inside(
    tmp_path: Path, ears: Ears, keyword: str
) -> None:
    made = dataset(STORED)
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert tag is not None
    for vr in (pydicom.datadict.dictionary_VR(tag), "LO", "UN"):
        raw(made, tag, "UN" if " or " in vr else vr, SECRET * 4)
        ears.read(save(made, tmp_path / "image.dcm"))
    assert ears.said
    assert not ears.heard()


def test_the_loud_are_heard(tmp_path: Path, ears: Ears) -> None:
    # Without this, the tests above could pass because nothing is ever recorded.
    path = save(planted(TEXTS, skip=NEEDED), tmp_path / "texts.dcm")
    with pytest.warns(UserWarning, match=SECRET):
        _ = pydicom.dcmread(path).PatientAge
    ears.read(path)
    assert ears.heard()


def test_damaged_files_tell_no_names_either(tmp_path: Path, ears: Ears) -> None:
    rng = random.Random(5)
    path = tmp_path / "damaged.dcm"
    made = dataset(STORED)
    for keyword in ("PatientName", "PatientID", "Manufacturer", "Modality", "InstitutionName"):
        setattr(made, keyword, SECRET)
    made.SpecificCharacterSet = "ISO_IR 100"
    content = save(made, path).read_bytes()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(rng.choice((1, 3, 10))):
            damaged[rng.randrange(132, len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged[: rng.choice((len(damaged), rng.randrange(140, len(damaged))))])
        ears.read(path)
    assert ears.num_read > 50
    assert not ears.heard()


@pytest.mark.parametrize("syntax", [uid.ExplicitVRBigEndian, uid.ImplicitVRLittleEndian])
def test_a_character_set_that_is_a_name_is_not_quoted(
    tmp_path: Path, ears: Ears, syntax: uid.UID
) -> None:
    made = dataset(STORED, Manufacturer="ACME")
    raw(made, 0x00080005, "CS")
    ears.read(save(made, tmp_path / "set.dcm", syntax))
    assert ears.num_read == 2
    assert not ears.heard()


def test_real_headers_stay_inside(ears: Ears) -> None:
    path = Path(get_testdata_file("CT_small.dcm"))
    header = pydicom.dcmread(path)
    ears.read(path)
    for keyword in ("PatientName", "PatientID", "InstitutionName", "StudyInstanceUID", "StudyDate"):
        assert not ears.heard(str(header[keyword].value))
    assert ears.num_read == 2
