"""The pixel cache: every image decoded once per size and preprocessing, in memory-mapped files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from automedimg.data import cache_folders, caches, decoding, forming, pixel_files
from automedimg.data import scan as scans
from automedimg.data.decoding import Formed, Item, Wanted
from automedimg.data.preprocessing import Preprocessing
from automedimg.data.scan import Scan

VERSION = 2
"""Raised whenever reading or forming would give other pixels or facts for the same file."""

Progress = Callable[[int], None]
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PixelCache:
    """Decoded images, by row in the order in which they were asked for.

    Args:
        key: Hash of the images' content.
        scan: What was found out about each.
        scan_folder: Holds the table and ``thumbnails.npy``.
        images: By name of the preprocessing, the file of the pixels: uint8, or uint16 if any is
            deeper than 8 bits, (N, size, size, C); rows of unreadable images are zero.
        decoded: How many images had to be decoded for it: none if all of it was there.
        use: Keeps all of it from being cleared while this object lives.
    """

    key: str
    scan: Scan
    scan_folder: Path
    images: Mapping[str, Path]
    decoded: int = field(default=0, compare=False)
    use: caches.Use | None = field(default=None, compare=False, repr=False)

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
    note: Note | None = None,
) -> PixelCache:
    """Return the decoded images, decoding them only if nobody has yet.

    What is damaged is made again. Where another process is making the same, this one waits for it.

    Args:
        items: The images; those of one file stand together.
        cache: The folder of the caches; runs and processes share it.
        wanted: Size, channels and preprocessings.
        progress: Called with the number of images decoded so far.
        note: Hears what is damaged, and that another process is waited for.
    Raises:
        ConfigurationError: ``$AUTOMEDIMG_CACHE_LIMIT`` is no size.
        DataError: there is no room for the pixels.
        RunError: the folder can't be written to.
    """
    limit = caches.wanted_limit()
    plan = _plan(items, cache, wanted)
    note = note or (lambda _: None)
    # Before it is looked at: what is used is not cleared.
    use = caches.Use(cache, [*plan.entries, *cache_folders.sources(plan.digests, cache)])
    scan, missing = _look(plan)
    decoded = 0
    if scan is None or missing:
        scan, decoded = _make(plan, progress or (lambda _: None), note)
        caches.keep_within(cache, limit)
    for entry in plan.entries:
        caches.note_time(entry)
    images = {way.name: folder / "images.npy" for way, folder in plan.folders.items()}
    return PixelCache(plan.key, scan, plan.scan_folder, images, decoded, use)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is wanted of which images, and where it stands."""

    items: Sequence[Item]
    digests: Mapping[Path, str]
    wanted: Wanted
    key: str
    scan_folder: Path
    folders: Mapping[Preprocessing, Path]

    @property
    def entries(self) -> list[Path]:
        return [self.scan_folder, *self.folders.values()]


def _plan(items: Sequence[Item], cache: Path, wanted: Wanted) -> _Plan:
    digests = _file_digests(items)
    key = _hash(f"v{VERSION}", *(f"{digests[path]}#{part}" for path, part in items))
    folders = {
        way: cache / "pixels" / _hash(key, f"{wanted.size}x{wanted.channels}", way.name)
        for way in wanted.ways
    }
    return _Plan(items, digests, wanted, key, cache / "scans" / key, folders)


def _look(plan: _Plan) -> tuple[Scan | None, tuple[Preprocessing, ...]]:
    """What is there: the table, or None, and the preprocessings whose pixels are missing."""
    missing = tuple(way for way, folder in plan.folders.items() if not _is_whole(folder, plan))
    return _open_scan(plan.scan_folder, len(plan.items)), missing


def _make(plan: _Plan, progress: Progress, note: Note) -> tuple[Scan, int]:
    """Make what is missing, unless another process is at it: then wait, and look again.

    Returns:
        The table, and how many images were decoded here.
    """
    waits = caches.Once(note, "another process is reading the same images: waiting for it")
    with caches.computing(plan.scan_folder, waits):
        scan, missing = _look(plan)
        if scan is not None and not missing:
            return scan, 0
        lacking = [plan.folders[way] for way in missing]
        for entry in lacking if scan is not None else [plan.scan_folder, *lacking]:
            if entry.exists():
                fault = caches.fault(entry, deep=False) or "it can't be read"
                note(f"`{entry}` in the cache is damaged and is made again: {fault}")
        try:
            return _build(plan, missing, progress), len(plan.items)
        except OSError as error:
            if told := pixel_files.explained(error, plan.scan_folder.parent.parent):
                raise told from error
            raise


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
    """Open a table whose thumbnails are there, too; None if anything is wrong with them."""
    try:
        side = forming.THUMBNAIL
        if not caches.is_whole(folder) or _shape(folder / "thumbnails.npy") != (num, side, side):
            return None
        return scans.load(folder, num)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made again
        return None


def _is_whole(folder: Path, plan: _Plan) -> bool:
    """Whether the pixels are there and sound."""
    wanted = plan.wanted
    shape = (len(plan.items), wanted.size, wanted.size, wanted.channels)
    try:
        return caches.is_whole(folder) and _shape(folder / "images.npy") == shape
    except (OSError, ValueError):
        return False


def _shape(path: Path) -> tuple[int, ...]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return tuple(array.shape)


def _build(plan: _Plan, missing: Sequence[Preprocessing], progress: Progress) -> Scan:
    """Decode each image once, into its table row and all the squares that are missing."""
    num, side = len(plan.items), forming.THUMBNAIL
    wanted = Wanted(plan.wanted.size, plan.wanted.channels, tuple(missing))
    folders = [plan.folders[way] for way in missing]

    def has_scan() -> bool:
        return _open_scan(plan.scan_folder, num) is not None

    with (
        cache_folders.making(plan.scan_folder, has_scan) as home,
        _making_all(folders, lambda folder: _is_whole(folder, plan)) as homes,
    ):
        writer = scans.ScanWriter()
        thumbnails = pixel_files.create(home / "thumbnails.npy", np.uint8, (num, side, side))
        squares = [pixel_files.Squares(folder, num, wanted) for folder in homes]
        for row, formed in enumerate(decoding.form_all(plan.items, wanted)):
            path, part = plan.items[row]
            # Two images of one file are equal by their pixels only.
            writer.add(formed, "" if part else plan.digests[path])
            if isinstance(formed, Formed):
                thumbnails[row] = formed.thumbnail
                for square, levels in zip(squares, formed.squares, strict=True):
                    square.put(row, levels)
            progress(row + 1)
        thumbnails.flush()
        for square in squares:
            square.close()
        scan = writer.finish()
        scans.save(home, scan)
        _seal_all(plan, missing, home, homes)
    return scan


def _seal_all(
    plan: _Plan, missing: Sequence[Preprocessing], home: Path, homes: Sequence[Path]
) -> None:
    whose = cache_folders.of_images([path for path, _ in plan.items])
    caches.seal(home, {"what": whose})
    size, channels = plan.wanted.size, plan.wanted.channels
    for way, folder in zip(missing, homes, strict=True):
        caches.seal(folder, {"what": f"{whose}, {size}x{size}x{channels}, {way.name}"})


@contextmanager
def _making_all(folders: Sequence[Path], is_sound: Callable[[Path], bool]) -> Iterator[list[Path]]:
    if not folders:
        yield []
        return
    first = folders[0]
    with (
        cache_folders.making(first, lambda: is_sound(first)) as home,
        _making_all(folders[1:], is_sound) as others,
    ):
        yield [home, *others]
