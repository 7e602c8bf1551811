"""The pixel cache: every image decoded once per size and preprocessing, in memory-mapped files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automedimg.data import decoding, files, forming
from automedimg.data import scan as scans
from automedimg.data.decoding import Formed, Item, Wanted
from automedimg.data.preprocessing import Preprocessing
from automedimg.data.scan import Scan
from automedimg.errors import DataError

VERSION = 2
"""Raised whenever reading or forming would give other pixels or facts for the same file."""

STALE_S = 86_400
"""Age at which a half-made cache is a killed process's, and is removed."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PixelCache:
    """Decoded images, by row in the order in which they were asked for.

    Args:
        key: Hash of the images' content.
        scan: What was found out about each.
        scan_folder: Holds the table and ``thumbnails.npy``.
        images: By name of the preprocessing, the file of the pixels: uint8, or uint16 if any is
            deeper than 8 bits, (N, size, size, C); rows of unreadable images are zero.
    """

    key: str
    scan: Scan
    scan_folder: Path
    images: Mapping[str, Path]

    def thumbnails(self) -> npt.NDArray[np.uint8]:
        """The grey thumbnails, uint8 (N, 64, 64)."""
        thumbnails: npt.NDArray[np.uint8] = np.load(
            self.scan_folder / "thumbnails.npy", mmap_mode="r", allow_pickle=False
        )
        return thumbnails


def open_pixels(
    items: Sequence[Item],
    cache: Path,
    wanted: Wanted,
    *,
    progress: Progress | None = None,
) -> PixelCache:
    """Return the decoded images, decoding them only if nobody has yet.

    Args:
        items: The images; those of one file stand together.
        cache: The folder of the caches; runs and processes share it.
        wanted: Size, channels and preprocessings.
        progress: Called with the number of images decoded so far.
    """
    digests = _file_digests(items)
    key = _hash(f"v{VERSION}", *(f"{digests[path]}#{part}" for path, part in items))
    scan_folder = cache / "scans" / key
    scan = _open_scan(scan_folder, len(items))
    folders = {
        way: cache / "pixels" / _hash(key, f"{wanted.size}x{wanted.channels}", way.name)
        for way in wanted.ways
    }
    missing = tuple(way for way in wanted.ways if not _is_whole(folders[way], len(items), wanted))
    if missing or scan is None:
        brief = Wanted(wanted.size, wanted.channels, missing)
        made = {way: folders[way] for way in missing}
        scan = _build(items, digests, brief, scan_folder, made, progress or (lambda _: None))
    return PixelCache(
        key, scan, scan_folder, {way.name: folders[way] / "images.npy" for way in wanted.ways}
    )


def _hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()[:24]


def _file_digests(items: Sequence[Item]) -> dict[Path, str]:
    paths = list(dict.fromkeys(path for path, _ in items))
    with ThreadPoolExecutor(max_workers=decoding.num_threads()) as pool:
        return dict(zip(paths, pool.map(_digest, paths), strict=True))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError:
        return ""


def _open_scan(folder: Path, num: int) -> Scan | None:
    """Open a table with its thumbnails; a damaged one is removed, to be made again."""
    if not folder.is_dir():
        return None
    try:
        thumbnails = np.load(folder / "thumbnails.npy", mmap_mode="r", allow_pickle=False)
        side = forming.THUMBNAIL
        if (thumbnails.shape, thumbnails.dtype) == ((num, side, side), np.uint8):
            return scans.load(folder, num)
    except Exception:  # noqa: BLE001, S110 - whatever is wrong with it, it is made again
        pass
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _is_whole(folder: Path, num: int, wanted: Wanted) -> bool:
    """Whether the pixels are there and sound; damaged ones are removed, to be made again."""
    if not folder.is_dir():
        return False
    try:
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        if images.shape == (num, wanted.size, wanted.size, wanted.channels) and images.dtype in (
            np.uint8,
            np.uint16,
        ):
            return True
    except (OSError, EOFError, ValueError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _build(
    items: Sequence[Item],
    digests: Mapping[Path, str],
    wanted: Wanted,
    scan_folder: Path,
    folders: Mapping[Preprocessing, Path],
    progress: Progress,
) -> Scan:
    """Decode each image once, into its table row and all the squares that are missing."""
    with _making(scan_folder) as scan_home, _making_all(list(folders.values())) as homes:
        writer = scans.ScanWriter()
        num, side = len(items), forming.THUMBNAIL
        thumbnails = np.lib.format.open_memmap(
            scan_home / "thumbnails.npy", "w+", np.uint8, (num, side, side)
        )
        _reserve(scan_home / "thumbnails.npy")
        squares = [_Squares(home, num, wanted) for home in homes]
        for row, formed in enumerate(decoding.form_all(items, wanted)):
            path, part = items[row]
            # Two images of one file are equal by their pixels only.
            writer.add(formed, "" if part else digests[path])
            if isinstance(formed, Formed):
                thumbnails[row] = formed.thumbnail
                for square, levels in zip(squares, formed.squares, strict=True):
                    square.put(row, levels)
            progress(row + 1)
        thumbnails.flush()
        for square in squares:
            square.close()
        scan = writer.finish()
        scans.save(scan_home, scan)
    return scan


class _Squares:
    """A file of pixels on its way; it becomes 16-bit with the first image that needs it."""

    def __init__(self, home: Path, num: int, wanted: Wanted) -> None:
        self._path = home / "images.npy"
        self._shape = (num, wanted.size, wanted.size, wanted.channels)
        self._array: np.memmap[Any, Any] = self._open(self._path, np.uint8)

    def put(self, row: int, levels: forming.Levels) -> None:
        """Write one image."""
        if levels.dtype == np.uint16 and self._array.dtype == np.uint8:
            self._deepen(row)
        scale = self._array.dtype == np.uint16 and levels.dtype == np.uint8
        self._array[row] = levels.astype(np.uint16) * 257 if scale else levels

    def close(self) -> None:
        """Bring it to the disk."""
        self._array.flush()

    def _open(self, path: Path, dtype: type) -> np.memmap[Any, Any]:
        array = np.lib.format.open_memmap(path, "w+", dtype, self._shape)
        _reserve(path)
        return array

    def _deepen(self, rows: int) -> None:
        deep = self._open(self._path.with_name("deep.npy"), np.uint16)
        for start in range(0, rows, 1024):
            stop = min(start + 1024, rows)
            deep[start:stop] = self._array[start:stop].astype(np.uint16) * 257
        self._array = deep
        self._path.with_name("deep.npy").replace(self._path)


@contextmanager
def _making_all(folders: Sequence[Path]) -> Iterator[list[Path]]:
    if not folders:
        yield []
        return
    with _making(folders[0]) as first, _making_all(folders[1:]) as others:
        yield [first, *others]


@contextmanager
def _making(folder: Path) -> Iterator[Path]:
    """Give a folder of another name, renamed in the end: two processes can't harm each other."""
    files.make_folder(folder.parent)
    for old in folder.parent.glob(".*-*"):
        if time.time() - old.stat().st_mtime > STALE_S:
            shutil.rmtree(old, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield temporary
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else it was there, or another process was faster
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _reserve(path: Path) -> None:
    """Take a file's space on the disk now: a full disk would kill the process in a memory map."""
    try:
        files.reserve(path)
    except OSError as error:
        needed = path.stat().st_size / 1e6
        raise DataError(
            f"the pixel cache needs {needed:.0f} MB in `{path.parent.parent}`: {error.strerror}",
            "free some space, or name another folder with --cache-dir",
        ) from error
