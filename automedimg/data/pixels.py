"""The pixel cache: every image decoded once per size, in one memory-mapped file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from automedimg.data import files, reading
from automedimg.errors import DataError

VERSION = 1
"""Raised whenever `reading` would give other pixels for the same file."""

COLUMNS = ("reasons", "sizes", "modes")
"""What is noted of each file beside its pixels."""

STALE_S = 86_400
"""Age at which a half-made cache is a killed process's, and is removed."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PixelCache:
    """Decoded images, by row in the order in which their files were given.

    Args:
        folder: Holds ``images.npy``, ``thumbnails.npy`` and ``scan.json``.
        key: Hash of the files' content and of how they were decoded.
        digests: SHA-256 of each file; empty where it could not be opened.
        reasons: Why a file could not be read; empty for those that could.
        sizes: (width, height) of each file.
        modes: Pillow's mode of each file.
    """

    folder: Path
    key: str
    digests: tuple[str, ...]
    reasons: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    modes: tuple[str, ...]

    @property
    def images(self) -> Path:
        """The file of the pixels: uint8 (N, size, size, C); rows of unreadable files are zero."""
        return self.folder / "images.npy"

    def thumbnails(self) -> npt.NDArray[np.uint8]:
        """The grey thumbnails, uint8 (N, 64, 64)."""
        thumbnails: npt.NDArray[np.uint8] = np.load(
            self.folder / "thumbnails.npy", mmap_mode="r", allow_pickle=False
        )
        return thumbnails


def open_pixels(
    paths: Sequence[Path],
    cache: Path,
    *,
    size: int,
    channels: int,
    progress: Progress | None = None,
) -> PixelCache:
    """Return the decoded images of these files, decoding them only if nobody has yet.

    Args:
        paths: The image files.
        cache: The folder of the caches; runs and processes share it.
        size: Side of the square, in pixels.
        channels: 3 for RGB, 1 for grey.
        progress: Called with the number of images decoded so far.
    """
    with ThreadPoolExecutor(max_workers=_num_threads()) as pool:
        digests = tuple(pool.map(_digest, paths))
    key = _key(digests, size, channels)
    folder = cache / "pixels" / key
    if not _is_whole(folder, len(paths), size, channels):
        _build(paths, folder, size, channels, progress or (lambda _: None))
    return _load(folder, key, digests)


def _key(digests: Sequence[str], size: int, channels: int) -> str:
    parts = [f"v{VERSION}", f"{size}x{size}x{channels}", *digests]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _is_whole(folder: Path, num: int, size: int, channels: int) -> bool:
    """Whether a cache is there and sound; a damaged one is removed, to be made again."""
    if not folder.is_dir():
        return False
    try:
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        thumbnails = np.load(folder / "thumbnails.npy", mmap_mode="r", allow_pickle=False)
        scan = json.loads((folder / "scan.json").read_text(encoding="utf-8"))
        if (
            (images.shape, images.dtype) == ((num, size, size, channels), np.uint8)
            and (thumbnails.shape, thumbnails.dtype) == ((num, *2 * (reading.THUMBNAIL,)), np.uint8)
            and all(len(scan[column]) == num for column in COLUMNS)
        ):
            return True
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        pass  # whatever is wrong with it, the answer is to make it again
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _load(folder: Path, key: str, digests: tuple[str, ...]) -> PixelCache:
    scan = files.read_json(folder / "scan.json")
    return PixelCache(
        folder=folder,
        key=key,
        digests=digests,
        reasons=tuple(scan["reasons"]),
        sizes=tuple((width, height) for width, height in scan["sizes"]),
        modes=tuple(scan["modes"]),
    )


def _build(
    paths: Sequence[Path], folder: Path, size: int, channels: int, progress: Progress
) -> None:
    """Decode into a folder of another name, then rename: two processes can't harm each other."""
    files.make_folder(folder.parent)
    for old in folder.parent.glob(".*-*"):
        if time.time() - old.stat().st_mtime > STALE_S:
            shutil.rmtree(old, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        _decode_all(paths, temporary, size, channels, progress)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster: its work is as good
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _decode_all(
    paths: Sequence[Path], folder: Path, size: int, channels: int, progress: Progress
) -> None:
    shape = (len(paths), size, size, channels)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    _reserve(folder / "images.npy")
    side = reading.THUMBNAIL
    thumbnails = np.lib.format.open_memmap(
        folder / "thumbnails.npy", "w+", np.uint8, (len(paths), side, side)
    )
    scan: dict[str, list[object]] = {column: [] for column in COLUMNS}
    for row, result in enumerate(_results(paths, size, channels)):
        if isinstance(result, reading.Decoded):
            images[row], thumbnails[row] = result.pixels, result.thumbnail
            scan["sizes"].append([result.width, result.height])
            scan["modes"].append(result.mode)
        else:
            scan["sizes"].append([0, 0])
            scan["modes"].append("")
        scan["reasons"].append("" if isinstance(result, reading.Decoded) else result)
        progress(row + 1)
    images.flush()
    thumbnails.flush()
    files.write_json(folder / "scan.json", scan)


def _reserve(path: Path) -> None:
    """Take a file's space on the disk now: a full disk would kill the process in a memory map."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        needed = path.stat().st_size / 1e6
        raise DataError(
            f"the pixel cache needs {needed:.0f} MB in `{path.parent.parent}`: {error.strerror}",
            "free some space, or name another folder with --cache-dir",
        ) from error


def _results(
    paths: Sequence[Path], size: int, channels: int, window: int = 256
) -> Iterator[reading.Decoded | str]:
    """Decode in threads (Pillow frees the interpreter lock), few at a time to bound memory."""

    def work(path: Path) -> reading.Decoded | str:
        try:
            return reading.decode(path.read_bytes(), size, channels)
        except DataError as error:
            return error.message
        except OSError as error:
            return f"can't be opened: {error.strerror or type(error).__name__}"

    with reading.strict_pillow(), ThreadPoolExecutor(max_workers=_num_threads()) as pool:
        for start in range(0, len(paths), window):
            yield from pool.map(work, paths[start : start + window])


def _num_threads() -> int:
    return max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4)
