"""What may be known of the device that made a DICOM image, and nothing of the person in it."""

from __future__ import annotations

from typing import Any

from automedimg.contracts import pseudonym
from automedimg.data.reading import dicom_terms as terms
from automedimg.data.reading.dicom_header import Header
from automedimg.data.reading.dicom_text import number, text, texts
from automedimg.data.reading.types import Facts


def facts_of(header: Header, num_bytes: int) -> Facts:
    """Collect the facts of an image.

    Args:
        header: Of its file.
        num_bytes: Of its file; 0 for one image of many.
    """
    return Facts(
        width=header.columns,
        height=header.rows,
        mode=header.photometric,
        format="DICOM",
        bits=header.bits_stored,
        compression="deflate" if header.deflated else terms.SYNTAXES[header.syntax],
        num_bytes=num_bytes,
        tags=_tags(header.dataset),
        flags=_flags(header.dataset),
    )


def _tags(dataset: Any) -> dict[str, str | float]:
    tags: dict[str, str | float] = {}
    for keyword in (*terms.NUMBERS, *terms.SPACINGS):
        value = number(dataset, keyword)
        if value is not None:
            tags[keyword] = value
    for keyword in terms.TEXTS:
        if joined := "\\".join(texts(dataset, keyword)):
            tags[keyword] = pseudonym(joined)
    for keyword in terms.CODES:
        if words := [_code(word) for word in texts(dataset, keyword) if word]:
            tags[keyword] = " ".join(words)
    return tags


def _code(word: str) -> str:
    return word if word in terms.WORDS else pseudonym(word)


def _flags(dataset: Any) -> tuple[str, ...]:
    flags = []
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        flags.append("burned-in")
    sop_class = text(dataset, "SOPClassUID")
    captured = sop_class == terms.SECONDARY_CAPTURE
    captured = captured or sop_class.startswith(terms.SECONDARY_CAPTURE + ".")
    image_type = {word.upper().replace("_", " ") for word in texts(dataset, "ImageType")}
    if captured or text(dataset, "ConversionType") or image_type & terms.SCREENS:
        flags.append("secondary-capture")
    return tuple(flags)
