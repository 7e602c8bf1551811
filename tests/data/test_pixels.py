"""The pixel cache: decoded once, keyed by content, whole or not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_images import deep_picture, picture, whole, write_picture
from PIL import Image

from automedimg.data import cache_folders, cache_locks, forming, reading
from automedimg.data.decoding import Item, Wanted
from automedimg.data.pixels import PixelCache, open_pixels
from automedimg.data.preprocessing import ALL, Preprocessing
from automedimg.errors import DataError

STRETCH, CROP, PAD = Preprocessing(), Preprocessing(crop=True), Preprocessing(pad=True)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by one with every image that is decoded."""
    calls: list[Path] = []
    real = reading.read_parts

    def counting(
        path: Path, parts: Sequence[str], *, hint_side: int | None = None
    ) -> Iterator[reading.RawImage | str]:
        for image in real(path, parts, hint_side=hint_side):
            calls.append(path)
            yield image

    monkeypatch.setattr(reading, "read_parts", counting)
    return calls


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [write_picture(tmp_path / "data" / f"{i}.png", i) for i in range(5)]


def grey(size: int, *ways: Preprocessing) -> Wanted:
    return Wanted(size, 1, ways or (STRETCH,))


def open_grey(
    paths: list[Path], cache: Path, size: int = 64, ways: Sequence[Preprocessing] = (STRETCH,)
) -> PixelCache:
    return open_pixels(whole(paths), cache, grey(size, *ways))


def images_of(cache: PixelCache, way: str = "stretch") -> Any:
    return np.load(cache.images[way], allow_pickle=False)


def entries(cache: Path) -> list[str]:
    """Names in the folders of the caches, hidden ones too."""
    return sorted(path.name for path in cache.glob("pixels/*")) + sorted(
        path.name for path in cache.glob("scans/*")
    )


def assert_same(one: PixelCache, other: PixelCache) -> None:
    assert (one.key, one.scan_folder, one.images) == (other.key, other.scan_folder, other.images)
    assert (one.scan.digests, one.scan.reasons) == (other.scan.digests, other.scan.reasons)
    for name, column in one.scan.numbers.items():
        np.testing.assert_array_equal(column, other.scan.numbers[name])


def names_of(cache: PixelCache) -> list[str]:
    """The entries of this cache alone."""
    return [*sorted(path.parent.name for path in cache.images.values()), cache.scan_folder.name]


def test_rows_are_the_images_in_the_order_of_their_files(tmp_path: Path, paths: list[Path]) -> None:
    cache = open_grey(paths, tmp_path)
    images = images_of(cache)
    assert images.dtype == np.uint8
    assert images.shape == (5, 64, 64, 1)
    for row in range(5):
        assert np.array_equal(images[row, ..., 0], picture(row))
    assert np.array_equal(cache.thumbnails(), images[..., 0])
    assert cache.scan.numbers["width"].tolist() == [64] * 5
    assert cache.scan.text("mode", np.arange(5)) == ["L"] * 5
    assert cache.scan.reasons == {}
    assert len(set(cache.scan.digests)) == 5


def test_the_second_time_nothing_is_decoded(
    tmp_path: Path, paths: list[Path], decoded: list[int]
) -> None:
    first = open_grey(paths, tmp_path)
    assert len(decoded) == 5
    assert_same(open_grey(paths, tmp_path), first)
    assert len(decoded) == 5


def test_progress_counts_to_the_last_image(tmp_path: Path, paths: list[Path]) -> None:
    heard: list[int] = []
    open_pixels(whole(paths), tmp_path, grey(8), progress=heard.append)
    assert heard == [1, 2, 3, 4, 5]


def test_moved_and_renamed_files_are_known_again(
    tmp_path: Path, paths: list[Path], decoded: list[int]
) -> None:
    first = open_grey(paths, tmp_path)
    moved = [Path(shutil.copy(p, tmp_path / f"other{i}.jpg")) for i, p in enumerate(paths)]
    assert open_grey(moved, tmp_path).key == first.key
    assert len(decoded) == 5


def test_the_key_changes_with_content_order_size_and_channels(
    tmp_path: Path, paths: list[Path]
) -> None:
    found = [
        open_grey(paths, tmp_path),
        open_grey(paths[::-1], tmp_path),
        open_grey(paths[:4], tmp_path),
        open_grey(paths, tmp_path, size=32),
        open_pixels(whole(paths), tmp_path, Wanted(64, 3, (STRETCH,))),
    ]
    write_picture(paths[2], 99)
    found.append(open_grey(paths, tmp_path))
    assert len({cache.images["stretch"] for cache in found}) == 6
    assert len({cache.key for cache in found}) == 4  # size and channels change no content


def test_a_changed_file_is_read_again(tmp_path: Path, paths: list[Path]) -> None:
    open_grey(paths, tmp_path)
    write_picture(paths[2], 99)
    images = images_of(open_grey(paths, tmp_path))
    assert np.array_equal(images[2, ..., 0], picture(99))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_key(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        scan = json.loads((folder / "scan.json").read_text())
        del scan[name]
        (folder / "scan.json").write_text(json.dumps(scan))

    return damage


def clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


PIXELS: list[object] = [
    pytest.param(lambda f: truncate(f / "images.npy"), id="cut"),
    pytest.param(lambda f: (f / "images.npy").write_bytes(b"nonsense"), id="nonsense"),
    pytest.param(lambda f: (f / "images.npy").write_bytes(b""), id="empty"),
    pytest.param(clear, id="missing"),
    pytest.param(
        lambda f: np.save(f / "images.npy", np.zeros((4, 64, 64, 1), np.uint8)), id="too few"
    ),
    pytest.param(lambda f: np.save(f / "images.npy", np.zeros((5, 64, 64, 1))), id="floats"),
]

SCANS: list[object] = [
    pytest.param(lambda f: truncate(f / "thumbnails.npy"), id="thumbnails cut"),
    pytest.param(lambda f: (f / "thumbnails.npy").unlink(), id="thumbnails missing"),
    pytest.param(
        lambda f: np.save(f / "thumbnails.npy", np.zeros((5, 32, 32), np.uint8)),
        id="thumbnails of another size",
    ),
    pytest.param(lambda f: (f / "scan.json").unlink(), id="words missing"),
    pytest.param(lambda f: truncate(f / "scan.json"), id="words cut"),
    pytest.param(drop_key("reasons"), id="no reasons"),
    pytest.param(drop_key("words"), id="no words"),
    pytest.param(lambda f: truncate(f / "scan.npz"), id="columns cut"),
    pytest.param(lambda f: (f / "scan.npz").unlink(), id="columns missing"),
    pytest.param(lambda f: np.savez(f / "scan.npz", digests=np.zeros(4, "S3")), id="too few rows"),
    pytest.param(lambda f: np.savez(f / "scan.npz"), id="no columns"),
    pytest.param(clear, id="all missing"),
]


@pytest.mark.parametrize("damage", PIXELS)
def test_damaged_pixels_are_made_again(
    tmp_path: Path, paths: list[Path], damage: Callable[[Path], None]
) -> None:
    first = open_grey(paths, tmp_path)
    sound = images_of(first)
    damage(first.images["stretch"].parent)
    again = open_grey(paths, tmp_path)
    assert_same(again, first)
    assert np.array_equal(images_of(again), sound)
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize("damage", SCANS)
def test_a_damaged_scan_is_made_again(
    tmp_path: Path, paths: list[Path], damage: Callable[[Path], None]
) -> None:
    first = open_grey(paths, tmp_path)
    thumbnails = np.array(first.thumbnails())
    damage(first.scan_folder)
    again = open_grey(paths, tmp_path)
    assert_same(again, first)
    assert np.array_equal(again.thumbnails(), thumbnails)
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_build_leaves_nothing(
    tmp_path: Path, paths: list[Path], error: type[BaseException]
) -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise error

    with pytest.raises(error):
        open_pixels(whole(paths), tmp_path, grey(64, STRETCH, CROP), progress=stop)
    assert entries(tmp_path) == []
    assert images_of(open_grey(paths, tmp_path))[4].any()


def test_nothing_is_visible_before_it_is_whole(tmp_path: Path, paths: list[Path]) -> None:
    seen: list[list[str]] = []
    open_pixels(
        whole(paths), tmp_path, grey(8), progress=lambda done: seen.append(entries(tmp_path))
    )
    assert len(seen) == 5
    assert all(name.startswith(".") for names in seen for name in names)


def test_names_may_hold_anything(tmp_path: Path) -> None:
    names = ["søster med mellomrom.png", "漢字.png", "a'b\"c.png", "-rf.png", "x" * 200 + ".png"]
    paths = [write_picture(tmp_path / name, i) for i, name in enumerate(names)]
    assert open_grey(paths, tmp_path).scan.reasons == {}


def test_files_that_can_not_be_read_are_listed_with_reasons(
    tmp_path: Path, paths: list[Path]
) -> None:
    (tmp_path / "note.jpg").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    Image.fromarray(picture(1)).save(tmp_path / "cut.png")
    truncate(tmp_path / "cut.png")
    bad = [tmp_path / n for n in ("note.jpg", "empty.png", "folder.png", "gone.png", "cut.png")]
    cache = open_grey([paths[0], *bad, paths[1]], tmp_path)
    reasons = cache.scan.reasons
    assert list(reasons) == [1, 2, 3, 4, 5]
    assert reasons[1] == "not an image in a known format"
    assert reasons[2] == "empty file"
    assert reasons[3].startswith("can't be opened")
    assert reasons[4].startswith("can't be opened: no such file")
    assert reasons[5].startswith("damaged")
    assert [row for row, digest in enumerate(cache.scan.digests) if not digest] == list(reasons)
    assert np.isnan(cache.scan.numbers["width"]).tolist() == [False, *[True] * 5, False]
    images = images_of(cache)
    assert not images[1:6].any()
    assert np.array_equal(images[6, ..., 0], picture(1))


def test_more_files_than_one_window_keep_their_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.pgm" for i in range(300)]
    for number, path in enumerate(paths):
        path.write_bytes(b"P5 1 1 255\n" + bytes([number % 251]))
    images = images_of(open_grey(paths, tmp_path, size=4))
    assert images[:, 0, 0, 0].tolist() == [number % 251 for number in range(300)]


def build_twice(paths: list[Path], cache: Path, progress: Callable[[int], None]) -> list[Any]:
    """What two threads that build the same get, and what they hear."""
    found: list[PixelCache] = []
    heard: list[str] = []

    def build() -> None:
        asked = grey(64)
        found.append(open_pixels(whole(paths), cache, asked, progress=progress, note=heard.append))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [*found, heard]


def test_where_locks_do_not_work_two_may_build_at_once(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_locks, "try_lock", lambda lock: None)
    together = threading.Barrier(2, timeout=20)

    def meet(done: int) -> None:
        if done in (1, 5):  # both have begun, and neither has renamed yet
            together.wait()

    one, other, heard = build_twice(paths, tmp_path, meet)
    assert_same(one, other)
    assert np.array_equal(images_of(one)[3, ..., 0], picture(3))
    assert entries(tmp_path) == names_of(one)
    assert heard == []


def test_who_comes_second_waits_and_decodes_nothing(
    tmp_path: Path, paths: list[Path], decoded: list[Path]
) -> None:
    one, other, heard = build_twice(paths, tmp_path, lambda done: time.sleep(0.4))
    assert_same(one, other)
    assert len(decoded) == 5
    assert heard == ["another process is reading the same images: waiting for it"]


def test_two_processes_may_build_at_once(tmp_path: Path, paths: list[Path]) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from automedimg.data.decoding import Wanted\n"
        "from automedimg.data.pixels import open_pixels\n"
        "from automedimg.data.preprocessing import ALL\n"
        "cache, *paths = map(Path, sys.argv[1:])\n"
        "print(open_pixels([(p, '') for p in paths], cache, Wanted(64, 1, ALL)).key)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), *map(str, paths)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    keys = [process.communicate(timeout=60)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert keys[0] == keys[1]
    cache = open_grey(paths, tmp_path, ways=ALL)
    assert cache.key == keys[0]
    assert entries(tmp_path) == names_of(cache)
    assert np.array_equal(images_of(cache)[3, ..., 0], picture(3))


def test_only_the_missing_preprocessings_are_made_and_each_image_is_decoded_once_for_all(
    tmp_path: Path, paths: list[Path], decoded: list[Path]
) -> None:
    open_grey(paths, tmp_path, ways=[STRETCH])
    assert len(decoded) == 5
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("pixels/*/images.npy")}
    both = open_grey(paths, tmp_path, ways=[STRETCH, CROP, PAD])
    assert len(decoded) == 10
    assert set(both.images) == {"stretch", "crop", "pad"}
    assert len(set(both.images.values())) == 3
    assert before == {path: path.stat().st_mtime_ns for path in before}
    open_grey(paths, tmp_path, ways=[PAD, CROP])
    assert len(decoded) == 10


def test_each_preprocessing_has_its_own_pixels(tmp_path: Path) -> None:
    values = np.pad(picture(1), ((0, 0), (64, 64)))
    Image.fromarray(values).save(tmp_path / "wide.png")
    cache = open_grey([tmp_path / "wide.png"], tmp_path / "cache", ways=ALL)
    made = {name: images_of(cache, name).tobytes() for name in cache.images}
    assert set(made) == {way.name for way in ALL}
    assert made["stretch"] != made["crop"] != made["pad"] != made["stretch"]
    assert made["standard"] not in (made["stretch"], made["crop"], made["pad"])


def test_an_audit_makes_no_pixels_and_a_search_after_it_knows_the_scan(
    tmp_path: Path, paths: list[Path]
) -> None:
    cache = tmp_path / "cache"
    audit = open_pixels(whole(paths), cache, Wanted(64, 1))
    assert audit.images == {}
    assert entries(cache) == [audit.key]
    search = open_grey(paths, cache)
    assert search.scan_folder == audit.scan_folder
    assert_same(search, open_grey(paths, cache))


def write_deep(path: Path, seed: int) -> Path:
    Image.fromarray(deep_picture(seed, 65535)).save(path)
    return path


@pytest.mark.parametrize("late", [0, 3, 5], ids=["first", "in between", "last"])
def test_one_deep_image_makes_all_of_them_deep_without_loss(
    tmp_path: Path, paths: list[Path], late: int
) -> None:
    mixed = [*paths[:late], write_deep(tmp_path / "deep.png", 50), *paths[late:]]
    images = images_of(open_grey(mixed, tmp_path))[..., 0]
    assert images.dtype == np.uint16
    assert len(np.unique(images[late])) > 1000
    for row, flat in zip([row for row in range(6) if row != late], range(5), strict=True):
        assert np.array_equal(images[row], picture(flat).astype(np.uint16) * 257)
    assert entries(tmp_path) == names_of(open_grey(mixed, tmp_path))
    folder = open_grey(mixed, tmp_path).images["stretch"].parent
    assert sorted(path.name for path in folder.iterdir()) == ["images.npy", "seal.json"]


def test_more_rows_than_a_block_are_deepened(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.pgm" for i in range(1100)]
    for number, path in enumerate(paths):
        path.write_bytes(b"P5 1 1 255\n" + bytes([number % 251]))
    deep = write_deep(tmp_path / "deep.png", 1)
    images = images_of(open_grey([*paths, deep], tmp_path, size=2))
    assert images[:-1, 0, 0, 0].tolist() == [257 * (number % 251) for number in range(1100)]


def test_all_preprocessings_of_a_mixed_folder_are_deep(tmp_path: Path, paths: list[Path]) -> None:
    deep = write_deep(tmp_path / "deep.png", 1)
    cache = open_grey([*paths, deep], tmp_path, ways=ALL)
    assert {images_of(cache, way.name).dtype for way in ALL} == {np.dtype(np.uint16)}


def parts_of(path: Path, name: str, num: int) -> list[Item]:
    return [(path, f"{name}/{row}") for row in range(num)]


def test_parts_of_a_file_are_rows_with_digests_of_their_own(tmp_path: Path) -> None:
    stack = np.stack([picture(1), picture(2), picture(1), picture(3)])
    np.savez(tmp_path / "all.npz", images=stack)
    items = parts_of(tmp_path / "all.npz", "images", 5)
    cache = open_pixels(items, tmp_path / "cache", grey(64))
    digests = cache.scan.digests
    assert digests[0] == digests[2]
    assert len({*digests[:4]}) == 3
    assert cache.scan.reasons == {4: "there is no row 4 in an array of 4"}
    assert np.array_equal(images_of(cache)[:4, ..., 0], stack)


def test_other_parts_of_the_same_file_are_other_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", images=np.stack([picture(1), picture(2)]))
    items = parts_of(tmp_path / "all.npz", "images", 2)
    keys = {open_pixels(part, tmp_path / "c", grey(64)).key for part in (items, items[::-1])}
    keys.add(open_pixels(items[:1], tmp_path / "c", grey(64)).key)
    assert len(keys) == 3


def test_what_a_killed_process_left_is_removed_and_what_one_is_making_is_not(
    tmp_path: Path, paths: list[Path]
) -> None:
    old, young = (tmp_path / "pixels" / f".{name}-x" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "images.npy").touch()
    long_ago = time.time() - 2 * cache_folders.STALE_S
    os.utime(old, (long_ago, long_ago))
    open_grey(paths, tmp_path)
    assert not old.exists()
    assert young.exists()


def test_a_full_disk_is_told_before_it_kills(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"the pixel cache needs .* MB in .*No space left") as told:
        open_grey(paths, tmp_path)
    assert "--cache-dir" in (told.value.hint or "")
    assert entries(tmp_path) == []


def test_no_image_at_all_is_an_empty_cache(tmp_path: Path) -> None:
    cache = open_grey([], tmp_path)
    assert images_of(cache).shape == (0, 64, 64, 1)
    assert len(cache.scan) == 0


def test_thumbnails_have_the_side_that_copies_are_looked_for_in(
    tmp_path: Path, paths: list[Path]
) -> None:
    assert open_grey(paths, tmp_path).thumbnails().shape == (
        5,
        forming.THUMBNAIL,
        forming.THUMBNAIL,
    )
