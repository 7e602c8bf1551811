"""Many images at once, in order, whatever is among them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from data_images import deep_picture, encode, picture, whole, write_picture
from PIL import Image

from automedimg.data import reading
from automedimg.data.decoding import Formed, Item, Wanted, form_all, num_threads
from automedimg.data.preprocessing import ALL, Preprocessing

TINY = Wanted(4, 1, (Preprocessing(),))


def write_level(path: Path, level: int) -> Path:
    """An even picture of one grey level."""
    path.write_bytes(b"P5 4 4 255\n" + bytes([level]) * 16)
    return path


def write_stack(path: Path, levels: list[int]) -> Path:
    """A TIFF with an even page for each grey level."""
    pages = [Image.new("L", (4, 4), level) for level in levels]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def levels_of(items: list[Item]) -> list[int | str]:
    """The grey level of each image, or its reason."""
    return [
        found if isinstance(found, str) else int(found.squares[0].flat[0])
        for found in form_all(items, TINY)
    ]


def test_the_order_is_kept_over_more_files_than_a_window(tmp_path: Path) -> None:
    paths = [write_level(tmp_path / f"{i}.pgm", i % 251) for i in range(530)]
    assert levels_of(whole(paths)) == [i % 251 for i in range(530)]


@pytest.mark.parametrize("num_pages", [3, 40], ids=["few pages", "many pages"])
def test_the_order_is_kept_around_files_of_several_images(tmp_path: Path, num_pages: int) -> None:
    stack = write_stack(tmp_path / "stack.tif", list(range(100, 100 + num_pages)))
    singles = [write_level(tmp_path / f"{i}.pgm", i) for i in range(6)]
    pages = [(stack, str(page)) for page in range(num_pages)]
    found = levels_of([*whole(singles[:3]), *pages, *whole(singles[3:])])
    assert found == [0, 1, 2, *range(100, 100 + num_pages), 3, 4, 5]


def test_rows_of_an_array_come_in_the_order_of_the_items(tmp_path: Path) -> None:
    levels = np.arange(50, dtype=np.uint8)
    np.savez(tmp_path / "all.npz", images=np.broadcast_to(levels[:, None, None], (50, 8, 8)))
    rows = [(tmp_path / "all.npz", f"images/{row}") for row in (7, 3, 49, 0)]
    assert levels_of(rows) == [7, 3, 49, 0]


def test_what_can_not_be_read_stands_in_its_place(tmp_path: Path) -> None:
    good = [write_level(tmp_path / f"{i}.pgm", i) for i in (1, 2, 3)]
    stack = write_stack(tmp_path / "stack.tif", [50, 51])
    (tmp_path / "note.png").write_text("not a picture")
    items = [
        (good[0], ""),
        (tmp_path / "note.png", ""),
        (good[1], ""),
        (tmp_path / "gone.png", ""),
        (stack, "0"),
        (stack, "7"),
        (stack, "1"),
        (good[2], ""),
    ]
    found = levels_of(items)
    assert [level for level in found if isinstance(level, int)] == [1, 2, 50, 51, 3]
    assert found[1] == "not an image in a known format"
    assert isinstance(found[3], str)
    assert found[3].startswith("can't be opened")
    assert found[5] == "there is no page 7"


def test_each_preprocessing_gets_its_square_and_none_gets_none(tmp_path: Path) -> None:
    items = whole([write_picture(tmp_path / "a.png", 1)])
    (formed,) = form_all(items, Wanted(16, 3, ALL))
    assert isinstance(formed, Formed)
    assert [square.shape for square in formed.squares] == [(16, 16, 3)] * 8
    (looked_at,) = form_all(items, Wanted(16, 3))
    assert isinstance(looked_at, Formed)
    assert looked_at.squares == ()
    assert np.array_equal(looked_at.thumbnail, picture(1))


def test_an_image_looks_the_same_at_every_usual_size(tmp_path: Path) -> None:
    """An audit makes no squares; what it says must hold for a search."""
    large = np.kron(picture(1), np.ones((20, 20), np.uint8))
    (tmp_path / "a.jpg").write_bytes(encode(Image.fromarray(large), "JPEG"))
    found = [
        next(iter(form_all(whole([tmp_path / "a.jpg"]), wanted)))
        for wanted in (Wanted(128, 3), Wanted(32, 1, (Preprocessing(),)), Wanted(96, 3, ALL))
    ]
    looks = [(f.look, f.facts, f.stored, f.thumbnail.tobytes()) for f in found]  # type: ignore[union-attr]
    assert looks[0] == looks[1] == looks[2]


def test_the_values_as_stored_are_told(tmp_path: Path) -> None:
    Image.fromarray(deep_picture(1, 4095)).save(tmp_path / "deep.png")
    (formed,) = form_all(whole([tmp_path / "deep.png"]), TINY)
    assert isinstance(formed, Formed)
    assert formed.stored == (0.0, 4095.0)
    assert formed.squares[0].dtype == np.uint16


def test_only_an_image_of_many_has_a_digest_of_its_own(tmp_path: Path) -> None:
    stack = write_stack(tmp_path / "stack.tif", [9, 9, 10])
    single = write_level(tmp_path / "9.pgm", 9)
    pages = [(stack, str(page)) for page in range(3)]
    found = [f.digest for f in form_all([*pages, (single, "")], TINY) if isinstance(f, Formed)]
    assert found[0] == found[1] != found[2]
    assert found[3] == ""


def test_few_images_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops listening stops the reading: thousands of files are not read ahead."""
    paths = [write_level(tmp_path / f"{i}.pgm", 1) for i in range(1000)]
    opened: list[Path] = []
    real = reading.read_parts

    def counting(path: Path, *more: object, **settings: object) -> object:
        opened.append(path)
        return real(path, *more, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "read_parts", counting)
    images = form_all(whole(paths), TINY)
    next(images)
    images.close()  # type: ignore[attr-defined]
    assert len(opened) < 600
    assert threading.active_count() < 2 + num_threads()


def test_nothing_at_all_is_no_image() -> None:
    assert list(form_all([], TINY)) == []
