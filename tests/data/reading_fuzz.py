"""Damaged files, read in a process whose memory is bounded; run as a script by the tests.

``python reading_fuzz.py FOLDER GROUP NUM SEED`` damages each file of a group so many times. It
prints a line before each file, and one after with the outcome, so that a crash names its file.
"""

from __future__ import annotations

import io
import random
import resource
import signal
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
from data_images import encode, picture
from PIL import Image
from pydicom import uid
from pydicom.data import get_testdata_file
from reading_files import dataset, save

from automedimg.data.reading import dicom, hdf5, list_parts, read_parts  # noqa: F401
from automedimg.errors import DataError

MEMORY_BYTES = 1 << 30
TIMEOUT_S = 30
"""A decoder is stopped after 2 s of processor time; this leaves room for a busy machine."""
EXTREMES = [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"]
EXTREMES += [b"\xff\xff\x00\x00", b"\x00\x00\xff\xff", b"\x01\x00\x00\x00"]

GREY = Image.fromarray(picture(3))
COLOUR = GREY.convert("RGB")
FLOAT = Image.fromarray(picture(3).astype(np.float32) / 7)

DICOM_FILES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "JPEG2000.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
)


def pictures() -> dict[str, bytes]:
    """Whole files of Pillow's formats."""
    pages = io.BytesIO()
    GREY.save(pages, "TIFF", save_all=True, append_images=[COLOUR, FLOAT])
    return {
        "grey.png": encode(GREY, "PNG"),
        "deep.png": encode(Image.fromarray(picture(3).astype(np.uint16) * 200), "PNG"),
        "palette.png": encode(COLOUR.quantize(16), "PNG", transparency=0),
        "colour.jpg": encode(COLOUR, "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01"),
        "progressive.jpg": encode(COLOUR, "JPEG", progressive=True),
        "grey.bmp": encode(GREY, "BMP"),
        "lzw.tif": encode(COLOUR, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encode(GREY, "TIFF", compression="tiff_adobe_deflate"),
        "float.tif": encode(FLOAT, "TIFF"),
        "pages.tif": pages.getvalue(),
        "grey.gif": encode(GREY, "GIF"),
        "grey.pgm": encode(GREY, "PPM"),
    }


def arrays() -> dict[str, bytes]:
    """Whole npz and HDF5 files."""
    images = np.stack([picture(seed) for seed in range(6)])
    found = {}
    for name, write in (("stored.npz", np.savez), ("deflated.npz", np.savez_compressed)):
        file = io.BytesIO()
        write(file, x=images, deep=images.astype(np.float32), labels=np.zeros(6))
        found[name] = file.getvalue()
    for name, chunks, compression in (
        ("plain.h5", None, None),
        ("chunked.h5", (2, 64, 64), "gzip"),
        ("lzf.h5", (1, 32, 32), "lzf"),
    ):
        file = io.BytesIO()
        with h5py.File(file, "w") as made:
            made.create_dataset("x", data=images, chunks=chunks, compression=compression)
            made["group/deep"] = images.astype(np.int16)
        found[name] = file.getvalue()
    return found


def dicoms(folder: Path) -> dict[str, bytes]:
    """Whole DICOM files, in many transfer syntaxes."""
    found = {name: Path(get_testdata_file(name)).read_bytes() for name in DICOM_FILES}
    stack = np.stack([picture(seed) for seed in range(3)])
    windowed = dataset(stack, NumberOfFrames=3, WindowCenter=99, WindowWidth=50, RescaleSlope="2")
    path = save(windowed, folder / "whole.dcm", uid.ExplicitVRLittleEndian)
    return found | {"frames.dcm": path.read_bytes()}


def damage(content: bytes, rng: random.Random) -> bytes:
    """Flip bits, cut, repeat, swap or overwrite; often near a place where headers are."""
    data = bytearray(content)
    pixels = max(0, content.find(b"\xe0\x7f\x10\x00"))
    for _ in range(rng.choice((1, 2, 5, 20))):
        if not data:
            break
        start = rng.choice((0, pixels))
        end = min(len(data), start + rng.choice((64, 400, len(data))))
        place = rng.randrange(min(start, len(data) - 1), max(end, start + 1))
        other = rng.randrange(len(data))
        match rng.randrange(7):
            case 0 if place < len(data):
                data[place] ^= 1 << rng.randrange(8)
            case 1:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 2:
                del data[place : place + rng.randrange(9)]
            case 3:
                data[place:place] = data[place : place + rng.randrange(200)]
            case 4:
                data[place : place + 4] = rng.choice(EXTREMES)
            case 5:
                data[place : place + 100] = data[other : other + 100]
            case _ if rng.random() < 0.3:
                del data[max(8, other) :]
    return bytes(data)


def outcome(path: Path) -> str:
    """Read what can be read of a file: ``read``, or the reasons."""
    try:
        parts = list_parts(path)[:3]
    except DataError as error:
        assert error.message
        parts = ["0", "x/1", "deep/0"]
    images = list(read_parts(path, parts))
    assert len(images) == len(parts)
    reasons = [image for image in images if isinstance(image, str)]
    assert all(reason and "\n" not in reason and str(path) not in reason for reason in reasons)
    for image in images:
        if not isinstance(image, str):
            assert image.low < image.high
            assert np.isfinite(image.values).all()
    return "; ".join(sorted({*reasons})) if reasons else "read"


def bound_memory() -> None:
    """Let this process have no more than `MEMORY_BYTES` beside what it has."""
    status = Path("/proc/self/status").read_text()
    used = int(status.partition("VmData:")[2].split()[0]) * 1024
    limit = used + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def main(folder: Path, group: str, num: int, seed: int) -> None:
    """Damage and read the files of a group."""
    wholes = {"pictures": pictures, "arrays": arrays, "dicoms": lambda: dicoms(folder)}[group]()
    for name, content in wholes.items():
        path = folder / name
        path.write_bytes(content)
        print(f"{name} whole\t{outcome(path)}", flush=True)
    bound_memory()
    for name, content in wholes.items():
        for index in range(num):
            path = folder / name
            path.write_bytes(damage(content, random.Random(f"{seed} {name} {index}")))
            print(f"{name} {index}", end="\t", flush=True)
            signal.alarm(TIMEOUT_S)
            print(outcome(path), flush=True)
            signal.alarm(0)


if __name__ == "__main__":
    assert zipfile  # imported before the memory is bounded
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
