"""Made-up DICOM and HDF5 files for the tests of the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from automedimg.data.reading import RawImage, read_parts

CT = "1.2.840.10008.5.1.4.1.1.2"


def read(path: Path, part: str = "", **options: Any) -> RawImage:
    """The one image of a part; fails with the reason where there is none."""
    (image,) = read_parts(path, [part], **options)
    assert not isinstance(image, str), image
    return image


def reason(path: Path, part: str = "") -> str:
    """Why a part can't be read."""
    (text,) = read_parts(path, [part])
    assert isinstance(text, str), "it was read"
    return text


def shown(image: RawImage) -> npt.NDArray[np.float64]:
    """The values on the scale of a network, black 0 and white 255."""
    scaled = (image.values.astype(np.float64) - image.low) / (image.high - image.low)
    return 255 * np.clip(scaled, 0, 1)


def dataset(values: npt.NDArray[Any], **elements: Any) -> Dataset:
    """A data set of these stored values: (H, W), (H, W, 3) or, with NumberOfFrames, a stack."""
    stacked = "NumberOfFrames" in elements
    shape = values.shape[1:] if stacked else values.shape
    made = Dataset()
    made.SOPClassUID = CT
    made.SOPInstanceUID = "1.2.3.4"
    made.Rows, made.Columns = shape[:2]
    made.SamplesPerPixel = 3 if len(shape) == 3 else 1
    made.PhotometricInterpretation = "RGB" if len(shape) == 3 else "MONOCHROME2"
    if len(shape) == 3:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = 8 * values.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
    made["PixelData"].VR = "OB" if values.dtype.itemsize == 1 else "OW"
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def items(**elements: Any) -> Sequence:
    """A sequence of one item."""
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])


def save(made: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    """Write a data set in the DICOM file format."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["a test"])
    little = syntax != "1.2.840.10008.1.2.2"
    made.save_as(
        path,
        enforce_file_format=True,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=little,
    )
    return path


def write_dicom(path: Path, values: npt.NDArray[Any], **elements: Any) -> Path:
    """Write these stored values as an uncompressed DICOM file."""
    return save(dataset(values, **elements), path)
