"""The image files that arguments of a command name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from automedimg.errors import DataError

SUFFIXES = {
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".gif"),
    *(".dcm", ".dicom", ".ima"),
}
"""Of the files in a folder, those that are taken for images."""


def image_files(arguments: Sequence[str]) -> Iterator[Path]:
    """Yield the files; of a folder, every image in it, by suffix, but hidden ones.

    Raises:
        DataError: a folder holds none.
    """
    for argument in arguments:
        path = Path(argument)
        if not path.is_dir():
            yield path
            continue
        inside = (file for file in path.rglob("*") if file.is_file())
        images = sorted(
            file
            for file in inside
            if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        )
        if not images:
            raise DataError(
                f"no images in `{path}`; expected files ending in {', '.join(sorted(SUFFIXES))}"
            )
        yield from images
