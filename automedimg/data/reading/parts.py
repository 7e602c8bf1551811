"""The reader: one file, opened once, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from automedimg.data.reading import npz, pillow
from automedimg.data.reading.types import RawImage
from automedimg.errors import DataError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

DICOM_STARTS = (b"\x02\x00", b"\x08\x00", b"\x00\x08", b"\x00\x02")
"""First bytes of a DICOM file without a preamble: its meta group, or its identifying one."""


def read_parts(
    path: Path, parts: Sequence[str], *, hint_side: int | None = None
) -> Iterator[RawImage | str]:
    """Read images of one file, which is opened once.

    Args:
        path: Of the file; its content decides on the format, not its suffix.
        parts: Which images, as in `automedimg.contracts.Record`; in ascending order reads fastest.
        hint_side: A JPEG may be decoded at a fraction of its size whose sides are not below this.
    Yields:
        For each part the image, or half a sentence on why it can't be read. The reasons quote
        nothing from the file and don't name it.
    """
    try:
        kind = _kind(path)
        if kind == "npz":
            yield from npz.read_rows(path, parts)
        elif kind == "hdf5":
            from automedimg.data.reading import hdf5

            yield from hdf5.read_rows(path, parts)
        elif kind == "dicom":
            from automedimg.data.reading import dicom

            yield from dicom.read_frames(path, parts)
        else:
            yield from pillow.read_pages(path, parts, hint_side)
    except OSError as error:
        reason = f"can't be opened: {_words(error)}"
        yield from (reason for _ in parts)


def list_parts(path: Path, key: str | None = None) -> list[str]:
    """List the images of a file without decoding any.

    Args:
        path: Of the file.
        key: An array of an npz or HDF5 file; without it, all whose rows are images.
    Returns:
        Parts for `read_parts`; ``[""]`` where the file holds one image.
    Raises:
        DataError: the file can't be read.
    """
    try:
        kind = _kind(path)
        if kind == "npz":
            return npz.list_rows(path, key)
        if kind == "hdf5":
            from automedimg.data.reading import hdf5

            return hdf5.list_rows(path, key)
        if kind == "dicom":
            from automedimg.data.reading import dicom

            return _numbers(dicom.count_frames(path))
        return _numbers(pillow.count_pages(path))
    except OSError as error:
        raise DataError(f"can't be opened: {_words(error)}") from None


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM: by its magic, or by its suffix and its first bytes."""
    try:
        return _looks_like_dicom(path, _head(path))
    except OSError:
        return False


def _kind(path: Path) -> str:
    head = _head(path)
    if _looks_like_dicom(path, head):
        return "dicom"
    if head.startswith(ZIP_MAGIC):
        return "npz"
    return "hdf5" if head.startswith(HDF5_MAGIC) else "pillow"


def _head(path: Path) -> bytes:
    """The first 132 bytes; unbuffered, because this is done for every file."""
    with path.open("rb", buffering=0) as file:
        return file.read(132) or b""


def _looks_like_dicom(path: Path, head: bytes) -> bool:
    if head[128:132] == b"DICM":
        return True
    return path.suffix.lower() in DICOM_SUFFIXES and head.startswith(DICOM_STARTS)


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)] if count > 1 else [""]


def _words(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
