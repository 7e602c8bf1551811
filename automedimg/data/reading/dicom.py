"""DICOM images, through pydicom, one frame at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydicom.encaps import get_frame
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import UID

from automedimg.data.reading import codec_worker
from automedimg.data.reading.codestream import check_codestream
from automedimg.data.reading.dicom_facts import facts_of
from automedimg.data.reading.dicom_header import Header, read_header
from automedimg.data.reading.dicom_terms import CODECS, JPEG_EXTENDED, NATIVE, SYNTAXES
from automedimg.data.reading.dicom_text import value_of
from automedimg.data.reading.dicom_values import grey_image
from automedimg.data.reading.isolated import ISOLATED, decode_isolated
from automedimg.data.reading.opening import open_file
from automedimg.data.reading.quiet import strict_pillow
from automedimg.data.reading.types import RawImage
from automedimg.data.reading.values import Values, raw_image
from automedimg.errors import DataError

T = TypeVar("T")


def read_frames(path: Path, parts: Sequence[str]) -> Iterator[RawImage | str]:
    """Read frames of a DICOM file, as `read_parts` does."""
    with ExitStack() as stack:
        file, num_bytes = open_file(path, stack)
        header = _guarded(partial(read_header, file, num_bytes))
        for part in parts:
            if isinstance(header, str):
                yield header
            else:
                yield _guarded(partial(_read, header, part, num_bytes))


def count_frames(path: Path) -> int:
    """Count the frames of a DICOM file by its header.

    Raises:
        DataError: the file can't be read.
    """
    with ExitStack() as stack:
        file, num_bytes = open_file(path, stack)
        header = _guarded(partial(read_header, file, num_bytes))
    if isinstance(header, str):
        raise DataError(header)
    return header.frames


def _guarded(action: Callable[[], T]) -> T | str:
    """Return what it returns, or a reason that quotes nothing from the file."""
    try:
        with strict_pillow():
            return action()
    except DataError as error:
        return error.message
    except MemoryError:
        return "not enough memory to decode it"
    # pydicom and its decoders raise nearly anything on damaged files, with values in the message.
    except Exception:  # noqa: BLE001
        return "damaged: the DICOM file can't be decoded"


def _read(header: Header, part: str, num_bytes: int) -> RawImage:
    if part and not (part.isascii() and part.isdigit() and len(part) < 10):
        raise DataError("no such part: expected the number of a frame")
    frame = int(part or 0)
    if frame >= header.frames:
        raise DataError(f"there is no frame {frame}")
    facts = facts_of(header, 0 if header.frames > 1 else num_bytes)
    stored = _decode(header, frame)
    if header.is_monochrome:
        return grey_image(stored, header, frame, facts)
    if header.photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, header.dataset)[..., :3]
        # Sixteen bits of a palette hold colours of eight.
        stored = stored if stored.dtype == np.uint8 else (stored >> 8).astype(np.uint8)
    return raw_image(stored, facts)


def _decode(header: Header, frame: int) -> Values:
    values: Values
    decoder = get_decoder(UID(header.syntax))
    if header.syntax in NATIVE:
        if header.start + (frame + 1) * header.frame_bits // 8 > header.source.seek(0, os.SEEK_END):
            raise DataError("damaged: the pixel data are cut short")
        header.source.seek(header.start)
        options = _options(header) | {"transfer_syntax_uid": UID(header.syntax)}
        values = decoder.as_array(header.source, index=frame, **options)[0]
        return values
    plugins = [name for name in _wanted(header) if name in decoder.available_plugins]
    if not plugins:
        raise DataError(_missing(header))
    compressed = _compressed(header, frame)
    check_codestream(compressed, (header.columns, header.rows, header.samples))
    for plugin in plugins[:-1]:
        # What one decoder fails on another may still read.
        with suppress(Exception):
            return _decode_with(plugin, header, compressed)
    return _decode_with(plugins[-1], header, compressed)


def _decode_with(plugin: str, header: Header, compressed: bytes) -> Values:
    options = _options(header) | {"number_of_frames": 1}
    decode = decode_isolated if plugin in ISOLATED else codec_worker.decode
    return decode(compressed, header.syntax, plugin, options)


def _compressed(header: Header, frame: int) -> bytes:
    header.source.seek(header.start)
    offsets = [
        value_of(header.dataset, keyword)
        for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
    ]
    return bytes(
        get_frame(
            header.source,
            frame,
            number_of_frames=header.frames,
            extended_offsets=tuple(offsets) if all(offsets) else None,
        )
    )


def _wanted(header: Header) -> tuple[str, ...]:
    if header.syntax == JPEG_EXTENDED and header.bits_stored > 8:
        return ("pylibjpeg",)
    return CODECS.get(header.syntax, ())


def _missing(header: Header) -> str:
    name = SYNTAXES[header.syntax]
    if header.syntax == JPEG_EXTENDED and header.bits_stored > 8:
        return f"{name} of {header.bits_stored} bits: pip install pylibjpeg pylibjpeg-libjpeg"
    return f"{name} needs another package: pip install 'automedimg[dicom]'"


def _options(header: Header) -> dict[str, Any]:
    options: dict[str, Any] = {
        "rows": header.rows,
        "columns": header.columns,
        "number_of_frames": header.frames,
        "samples_per_pixel": header.samples,
        "photometric_interpretation": header.photometric,
        "bits_allocated": header.bits_allocated,
        "bits_stored": header.bits_stored,
        "pixel_representation": int(header.signed),
        "pixel_keyword": header.keyword,
        "pixel_vr": header.vr,
    }
    if header.samples > 1:
        options["planar_configuration"] = int(header.planar)
    return options
