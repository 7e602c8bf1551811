"""Damage to the pixel cache, kills, full disks and two processes: found, and made good."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from data_images import picture, whole, write_picture
from test_pixels import assert_same, entries, grey, images_of, names_of, open_grey, truncate

from automedimg.data import cache_locks, caches, pixels
from automedimg.data.pixels import open_pixels
from automedimg.data.scan import Scan
from automedimg.errors import ConfigurationError, DataError


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [write_picture(tmp_path / "data" / f"{i}.png", i) for i in range(5)]


def test_damage_is_told_once_and_what_was_missing_is_not_damage(
    tmp_path: Path, paths: list[Path]
) -> None:
    heard: list[str] = []
    cache = open_pixels(whole(paths), tmp_path, grey(64), note=heard.append)
    assert heard == []
    truncate(cache.images["stretch"])
    open_pixels(whole(paths), tmp_path, grey(64), note=heard.append)
    folder = cache.images["stretch"].parent
    size = cache.images["stretch"].stat().st_size
    assert heard == [
        f"`{folder}` in the cache is damaged and is made again: "
        f"images.npy has {size // 2} bytes, not {size}"
    ]
    open_pixels(whole(paths), tmp_path, grey(64), note=heard.append)
    assert len(heard) == 1


NAMES = ["pixels/images.npy", "scans/thumbnails.npy", "scans/scan.npz", "scans/scan.json"]
SEALS = ["pixels/seal.json", "scans/seal.json"]


def damaged(content: bytes) -> Iterator[bytes]:
    """A file's content, damaged in ways that disks, kills and power cuts know."""
    size = len(content)
    yield from (content[:cut] for cut in (0, 1, 7, 60, 127, 128, size // 2, size - 1))
    yield bytes(size)
    yield content[: size // 2] + bytes(size - size // 2)
    yield content + b"more"
    yield b"PK\x03\x04" + content[4:]
    rng = np.random.default_rng(0)
    for _ in range(8):
        changed = bytearray(content)
        # In the first bytes, where headers are, and anywhere.
        for top in (min(size, 120), size):
            changed[rng.integers(top)] ^= 1 << rng.integers(8)
        yield bytes(changed)


@pytest.mark.parametrize("name", NAMES + SEALS)
def test_any_damage_of_any_file_is_found_and_repaired(
    tmp_path: Path, paths: list[Path], name: str
) -> None:
    first = open_grey(paths, tmp_path)
    kind, file = name.split("/")
    folder = first.scan_folder if kind == "scans" else first.images["stretch"].parent
    sound = images_of(first)
    thumbnails = np.array(first.thumbnails())
    for content in damaged((folder / file).read_bytes()):
        (folder / file).write_bytes(content)
        again = open_grey(paths, tmp_path)
        assert_same(again, first)
        assert np.array_equal(images_of(again), sound)
        assert np.array_equal(again.thumbnails(), thumbnails)
        assert not any(caches.fault(f, deep=True) for f in (folder, first.scan_folder))
    assert entries(tmp_path) == names_of(first)


@pytest.mark.parametrize("kind", ["file", "link to nothing", "empty folder"])
def test_whatever_stands_where_pixels_belong_is_replaced(
    tmp_path: Path, paths: list[Path], kind: str
) -> None:
    cache = open_grey(paths, tmp_path)
    for folder in (cache.scan_folder, cache.images["stretch"].parent):
        shutil.rmtree(folder)
        if kind == "file":
            folder.write_text("what is this")
        elif kind == "empty folder":
            folder.mkdir()
        else:
            folder.symlink_to(tmp_path / "nowhere")
    assert_same(open_grey(paths, tmp_path), cache)
    assert np.array_equal(images_of(cache)[3, ..., 0], picture(3))
    assert entries(tmp_path) == names_of(cache)


def test_what_another_process_repaired_meanwhile_is_not_thrown_away(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found the same damage; the slower one must not remove what the faster one made."""
    cache = open_grey(paths, tmp_path)
    truncate(cache.images["stretch"])
    monkeypatch.setattr(cache_locks, "try_lock", lambda lock: None)
    made: list[int] = []

    def overtake(done: int) -> None:
        if not made:
            made.append(1)
            open_grey(paths, tmp_path)
            made.append(cache.images["stretch"].stat().st_ino)

    open_pixels(whole(paths), tmp_path, grey(64), progress=overtake)
    assert cache.images["stretch"].stat().st_ino == made[1]


def test_sweeping_does_not_stumble_over_what_another_process_puts_in_place(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.glob

    def late(self: Path, pattern: str) -> Iterator[Path]:
        yield from real(self, pattern)
        if pattern == ".*-*":
            yield self / ".gone-x"  # listed, and renamed since

    monkeypatch.setattr(Path, "glob", late)
    assert images_of(open_grey(paths, tmp_path))[4].any()


BUILD = (
    "import sys, time; from pathlib import Path\n"
    "from automedimg.data.decoding import Wanted\n"
    "from automedimg.data.pixels import open_pixels\n"
    "from automedimg.data.preprocessing import Preprocessing\n"
    "cache, *paths = map(Path, sys.argv[1:])\n"
    "def tell(done):\n"
    "    print(done, flush=True); time.sleep(0.3)\n"
    "items = [(p, '') for p in paths]\n"
    "open_pixels(items, cache, Wanted(64, 1, (Preprocessing(),)), progress=tell)"
)


@pytest.mark.parametrize("after", ["1", "4", "5"])
def test_a_kill_while_writing_leaves_nothing_that_is_taken_for_whole(
    tmp_path: Path, paths: list[Path], after: str
) -> None:
    command = [sys.executable, "-c", BUILD, str(tmp_path), *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != after:
            pass
        process.kill()
    left = [entry for entry in caches.list_entries(tmp_path) if entry.kind in caches.CACHED]
    assert left == []
    heard: list[str] = []
    cache = open_pixels(whole(paths), tmp_path, grey(64), note=heard.append)
    assert heard == []  # the dead process's lock is free: nobody is waited for
    assert np.array_equal(images_of(cache)[4, ..., 0], picture(4))


@pytest.mark.parametrize("limit", [100, 3000, 20_500])
def test_a_file_that_can_not_grow_is_a_full_disk_and_leaves_nothing(
    tmp_path: Path, paths: list[Path], limit: int
) -> None:
    """The first byte of the thumbnails does not fit, some of them do, or almost all."""
    code = BUILD.replace("time.sleep(0.3)", "None")
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit},) * 2)\n" + code
    command = [sys.executable, "-c", code, str(tmp_path / "c"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-2:]
    assert "DataError: the pixel cache" in last[0], done.stderr
    assert "--cache-dir" in last[1]
    assert entries(tmp_path / "c") == []
    assert images_of(open_grey(paths, tmp_path / "c"))[4].any()


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, DataError), (errno.EIO, OSError)])
def test_a_disk_that_is_full_in_the_end_is_told_and_other_errors_stay_what_they_are(
    tmp_path: Path,
    paths: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expected: type[Exception],
) -> None:
    def fail(folder: Path, scan: Scan) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(pixels.scans, "save", fail)
    with pytest.raises(expected, match=os.strerror(number)):
        open_grey(paths, tmp_path)
    assert entries(tmp_path) == []


def test_no_image_at_all_is_damaged_and_told_as_any(tmp_path: Path) -> None:
    cache = open_grey([], tmp_path)
    (cache.images["stretch"]).write_bytes(b"")
    heard: list[str] = []
    open_pixels([], tmp_path, grey(64), note=heard.append)
    assert len(heard) == 1  # the table is sound, though it has no row


def test_what_a_search_holds_is_not_cleared_and_what_it_has_let_go_is(tmp_path: Path) -> None:
    sample = tmp_path / "c" / "samples" / "toys-1-0"
    paths = [write_picture(sample / "yes" / f"{i}.png", i) for i in range(3)]
    cache = open_grey(paths, tmp_path / "c")
    assert caches.clear(tmp_path / "c").removed == ()
    assert caches.keep_within(tmp_path / "c", 0).removed == ()
    del cache
    assert len(caches.clear(tmp_path / "c").removed) == 3


def test_the_limit_is_kept_after_something_was_made(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_grey(paths[:2], tmp_path)
    first = set(entries(tmp_path))
    monkeypatch.setenv("AUTOMEDIMG_CACHE_LIMIT", "30kB")
    cache = open_grey(paths, tmp_path)
    assert entries(tmp_path) == names_of(cache)  # larger than the limit alone, but in use
    assert not first & set(entries(tmp_path))
    monkeypatch.setenv("AUTOMEDIMG_CACHE_LIMIT", "much")
    with pytest.raises(ConfigurationError, match="CACHE_LIMIT"):
        open_grey(paths, tmp_path)


def test_opening_counts_as_a_use(tmp_path: Path, paths: list[Path]) -> None:
    cache = open_grey(paths, tmp_path)
    for folder in (cache.scan_folder, cache.images["stretch"].parent):
        os.utime(folder, (1e9, 1e9))
    open_grey(paths, tmp_path)
    assert all(entry.last_used > 1.5e9 for entry in caches.list_entries(tmp_path, caches.CACHED))


def test_the_list_says_what_pixels_are_of(tmp_path: Path, paths: list[Path]) -> None:
    open_grey(paths, tmp_path / "c")
    found = {entry.kind: entry.what for entry in caches.list_entries(tmp_path / "c")}
    assert found["pixels"] == f"5 images of {tmp_path / 'data'}, 64x64x1, stretch"
    assert found["scans"] == f"5 images of {tmp_path / 'data'}"


CLEAR = (
    "import sys; from pathlib import Path; from automedimg.data import caches\n"
    "cache = Path(sys.argv[1])\n"
    "print('ready', flush=True)\n"
    "while True:\n"
    "    caches.clear(cache); caches.keep_within(cache, 0); caches.verify(cache, repair=True)"
)


def test_what_another_process_clears_all_the_time_is_there_while_it_is_used(
    tmp_path: Path, paths: list[Path]
) -> None:
    command = [sys.executable, "-c", CLEAR, str(tmp_path / "c")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        made: list[int] = []
        for number in range(30):
            cache = open_pixels(whole(paths), tmp_path / "c", grey(64), progress=made.append)
            for _ in range(3):
                assert images_of(cache)[number % 5].any()
                assert cache.thumbnails().shape[0] == 5
            del cache
            time.sleep(0.02)
        process.kill()
    assert len(made) > 5  # it was cleared, more than once
    assert list((tmp_path / "c" / ".users").glob(".*")) == []
