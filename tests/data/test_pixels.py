"""The pixel cache: decoded once, keyed by content, whole or not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_images import picture, write_picture
from PIL import Image

from automedimg.data import reading
from automedimg.data.pixels import PixelCache, open_pixels


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every image that is decoded."""
    calls: list[int] = []
    real = reading.decode

    def counting(content: bytes, size: int, channels: int) -> reading.Decoded:
        calls.append(len(content))
        return real(content, size, channels)

    monkeypatch.setattr(reading, "decode", counting)
    return calls


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [write_picture(tmp_path / "data" / f"{i}.png", i) for i in range(5)]


def open_grey(paths: list[Path], cache: Path, size: int = 64) -> PixelCache:
    return open_pixels(paths, cache, size=size, channels=1)


def entries(cache: Path) -> list[str]:
    """Names in the folder of the caches, hidden ones too."""
    folder = cache / "pixels"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_rows_are_the_images_in_the_order_of_their_files(tmp_path: Path, paths: list[Path]) -> None:
    cache = open_grey(paths, tmp_path)
    images = np.load(cache.images)
    assert images.shape == (5, 64, 64, 1)
    for row in range(5):
        assert np.array_equal(images[row, ..., 0], picture(row))
    assert np.array_equal(cache.thumbnails(), images[..., 0])
    assert cache.sizes == ((64, 64),) * 5
    assert cache.modes == ("L",) * 5
    assert cache.reasons == ("",) * 5
    assert len(set(cache.digests)) == 5


def test_the_second_time_nothing_is_decoded(
    tmp_path: Path, paths: list[Path], decoded: list[int]
) -> None:
    first = open_grey(paths, tmp_path)
    assert len(decoded) == 5
    assert open_grey(paths, tmp_path) == first
    assert len(decoded) == 5


def test_progress_counts_to_the_last_image(tmp_path: Path, paths: list[Path]) -> None:
    heard: list[int] = []
    open_pixels(paths, tmp_path, size=8, channels=1, progress=heard.append)
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
    keys = [
        open_grey(paths, tmp_path).key,
        open_grey(paths[::-1], tmp_path).key,
        open_grey(paths[:4], tmp_path).key,
        open_grey(paths, tmp_path, size=32).key,
        open_pixels(paths, tmp_path, size=64, channels=3).key,
    ]
    write_picture(paths[2], 99)
    keys.append(open_grey(paths, tmp_path).key)
    assert len(set(keys)) == 6


def test_a_changed_file_is_read_again(tmp_path: Path, paths: list[Path]) -> None:
    open_grey(paths, tmp_path)
    write_picture(paths[2], 99)
    images = np.load(open_grey(paths, tmp_path).images)
    assert np.array_equal(images[2, ..., 0], picture(99))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_key(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        scan = json.loads((folder / "scan.json").read_text())
        del scan[name]
        (folder / "scan.json").write_text(json.dumps(scan))

    return damage


DAMAGE: list[object] = [
    pytest.param(lambda f: truncate(f / "images.npy"), id="images cut"),
    pytest.param(lambda f: (f / "images.npy").write_bytes(b"nonsense"), id="images nonsense"),
    pytest.param(lambda f: (f / "images.npy").unlink(), id="images missing"),
    pytest.param(
        lambda f: np.save(f / "images.npy", np.zeros((4, 64, 64, 1), np.uint8)),
        id="images too few",
    ),
    pytest.param(
        lambda f: np.save(f / "images.npy", np.zeros((5, 64, 64, 1))), id="images of floats"
    ),
    pytest.param(lambda f: truncate(f / "thumbnails.npy"), id="thumbnails cut"),
    pytest.param(lambda f: (f / "thumbnails.npy").unlink(), id="thumbnails missing"),
    pytest.param(lambda f: (f / "scan.json").unlink(), id="scan missing"),
    pytest.param(lambda f: truncate(f / "scan.json"), id="scan cut"),
    pytest.param(drop_key("reasons"), id="scan without reasons"),
    pytest.param(
        lambda f: (f / "images.npy").write_bytes(b""),
        id="images empty",
    ),
    pytest.param(
        lambda f: np.save(f / "thumbnails.npy", np.zeros((5, 32, 32), np.uint8)),
        id="thumbnails of another size",
    ),
    pytest.param(
        drop_key("sizes"),
        id="scan without sizes",
    ),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_again(
    tmp_path: Path, paths: list[Path], damage: Callable[[Path], None]
) -> None:
    first = open_grey(paths, tmp_path)
    whole = np.load(first.images)
    damage(first.folder)
    again = open_grey(paths, tmp_path)
    assert again == first
    assert np.array_equal(np.load(again.images), whole)
    assert again.thumbnails().shape == (5, 64, 64)
    assert entries(tmp_path) == [first.key]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_build_leaves_nothing(
    tmp_path: Path, paths: list[Path], error: type[BaseException]
) -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise error

    with pytest.raises(error):
        open_pixels(paths, tmp_path, size=64, channels=1, progress=stop)
    assert entries(tmp_path) == []
    assert np.load(open_grey(paths, tmp_path).images)[4].any()


def test_nothing_is_visible_before_it_is_whole(tmp_path: Path, paths: list[Path]) -> None:
    seen: list[list[str]] = []
    open_pixels(
        paths, tmp_path, size=8, channels=1, progress=lambda done: seen.append(entries(tmp_path))
    )
    assert len(seen) == 5
    assert all(name.startswith(".") for names in seen for name in names)


def test_names_may_hold_anything(tmp_path: Path) -> None:
    names = ["søster med mellomrom.png", "漢字.png", "a'b\"c.png", "-rf.png", "x" * 200 + ".png"]
    paths = [write_picture(tmp_path / name, i) for i, name in enumerate(names)]
    assert open_grey(paths, tmp_path).reasons == ("",) * 5


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
    assert cache.reasons[0] == cache.reasons[-1] == ""
    assert cache.reasons[1] == "not an image in a known format"
    assert cache.reasons[2] == "empty file"
    assert cache.reasons[3].startswith("can't be opened")
    assert cache.reasons[4].startswith("can't be opened: No such file")
    assert cache.reasons[5].startswith("damaged")
    assert cache.digests[4] == ""
    assert cache.sizes[1] == (0, 0)
    images = np.load(cache.images)
    assert not images[1:6].any()
    assert np.array_equal(images[6, ..., 0], picture(1))


def test_more_files_than_one_window_keep_their_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.pgm" for i in range(300)]
    for number, path in enumerate(paths):
        path.write_bytes(b"P5 1 1 255\n" + bytes([number % 251]))
    images = np.load(open_grey(paths, tmp_path, size=4).images)
    assert images[:, 0, 0, 0].tolist() == [number % 251 for number in range(300)]


def test_two_threads_may_build_at_once(tmp_path: Path, paths: list[Path]) -> None:
    together = threading.Barrier(2, timeout=20)
    found: list[PixelCache] = []

    def build() -> None:
        def meet(done: int) -> None:
            if done in (1, 5):  # both have begun, and neither has renamed yet
                together.wait()

        found.append(open_pixels(paths, tmp_path, size=64, channels=1, progress=meet))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 2
    assert found[0] == found[1]
    assert np.array_equal(np.load(found[0].images)[3, ..., 0], picture(3))
    assert entries(tmp_path) == [found[0].key]


def test_two_processes_may_build_at_once(tmp_path: Path, paths: list[Path]) -> None:
    code = (
        "import sys; from pathlib import Path; from automedimg.data.pixels import open_pixels\n"
        "cache, *paths = map(Path, sys.argv[1:])\n"
        "print(open_pixels(paths, cache, size=64, channels=1).key)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), *map(str, paths)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    keys = [process.communicate(timeout=60)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert keys[0] == keys[1]
    assert entries(tmp_path) == [keys[0]]
