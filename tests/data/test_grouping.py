"""Which images belong together."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from data_images import picture

from automedimg.contracts import Record
from automedimg.data import caches
from automedimg.data.duplicates import CopyFinder, Symmetries
from automedimg.data.grouping import Copies, Grouping, find_groups


def thumbnails(*seeds: int, contrast: float = 1.0) -> list[np.ndarray]:
    return [picture(seed, contrast) for seed in seeds]


def group(
    groups: list[str | None], digests: list[str], seeds: list[int | np.ndarray], **settings: str
) -> Grouping:
    """Group images by patient, digest, and either a picture's seed or the picture."""
    records = [Record(f"{i}.png", "no", patient) for i, patient in enumerate(groups)]
    drawn = [picture(seed) if isinstance(seed, int) else seed for seed in seeds]
    return find_groups(records, digests, Copies(np.stack(drawn)), **settings)  # type: ignore[arg-type]


def test_equal_files_are_paired_with_the_first_of_their_kind() -> None:
    found = group([None] * 6, ["a", "b", "a", "c", "a", "b"], [1, 2, 1, 3, 1, 2])
    assert found.exact.tolist() == [[0, 2], [0, 4], [1, 5]]
    assert found.groups.tolist() == [0, 1, 0, 2, 0, 1]


def test_equal_files_are_not_near_copies_too() -> None:
    found = group([None] * 3, ["a", "a", "b"], [1, 1, picture(1, 0.9)])
    assert found.exact.tolist() == [[0, 1]]
    assert set(found.near.ravel().tolist()) == {0, 2} or set(found.near.ravel().tolist()) == {1, 2}
    near_and_exact = {tuple(sorted(pair)) for pair in found.near.tolist()}
    assert (0, 1) not in near_and_exact


def test_patients_tie_their_images_and_the_unknown_stay_alone() -> None:
    found = group([None, "p1", "p2", "p1", None, "p2"], list("abcdef"), [1, 2, 3, 4, 5, 6])
    assert found.patients.tolist() == [[1, 3], [2, 5]]
    assert found.groups.tolist() == [0, 1, 2, 1, 3, 2]


def test_ties_of_every_kind_add_up() -> None:
    """Two equal files, a near-copy of one of them, whose patient has one more image."""
    found = group([None, None, "p", "p", None], list("aabcd"), [1, 1, picture(1, 0.8), 7, 8])
    assert found.groups.tolist() == [0, 0, 0, 0, 1]
    assert len(np.unique(found.copies)) == 3


def test_unrelated_images_are_all_alone() -> None:
    found = group([None] * 4, list("abcd"), [1, 2, 3, 4])
    for pairs in (found.exact, found.near, found.patients, found.copies):
        assert pairs.shape == (0, 2)
        assert pairs.dtype == np.int64
    assert found.groups.tolist() == [0, 1, 2, 3]


def test_turned_copies_are_found_unless_one_looks_away() -> None:
    images: list[int | np.ndarray] = [picture(1), np.rot90(picture(1)).copy(), picture(2)]
    assert group([None] * 3, list("abc"), images).groups.tolist() == [0, 0, 1]
    upright = group([None] * 3, list("abc"), images, symmetries="none")
    assert upright.groups.tolist() == [0, 1, 2]


def test_no_image_is_no_group() -> None:
    found = find_groups([], [], Copies(np.empty((0, 64, 64), np.uint8)))
    assert found.groups.shape == (0,)
    assert found.copies.shape == (0, 2)


def test_copies_are_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = np.stack([picture(0), picture(0)[:, ::-1], picture(1)])
    searched: list[str] = []
    real = CopyFinder.pairs

    def counting(finder: CopyFinder, symmetries: Symmetries) -> npt.NDArray[Any]:
        searched.append(symmetries)
        return real(finder, symmetries)

    monkeypatch.setattr(CopyFinder, "pairs", counting)
    first = Copies(thumbnails, tmp_path / "copies", "k").pairs("all")
    assert first.tolist() == [[0, 1]]
    again = Copies(thumbnails, tmp_path / "copies", "k").pairs("all")
    np.testing.assert_array_equal(first, again)
    assert searched == ["all"]
    assert Copies(thumbnails, tmp_path / "copies", "k").pairs("none").tolist() == []
    (kept,) = (tmp_path / "copies").glob("*-all-*.npy")
    kept.write_bytes(b"torn")
    np.testing.assert_array_equal(Copies(thumbnails, tmp_path / "copies", "k").pairs("all"), first)
    assert searched == ["all", "none", "all"]


def test_rows_that_do_not_count_are_passed_over(tmp_path: Path) -> None:
    """Rows 1 and 2 could not be read: pairs are numbered as if they were not there."""
    blank = np.zeros((64, 64), np.uint8)
    thumbnails = np.stack([picture(0), blank, blank, picture(1), picture(0)[:, ::-1]])
    heard: list[int] = []
    for folder in (None, tmp_path / "copies", tmp_path / "copies"):
        copies = Copies(thumbnails, folder, rows=np.array([0, 3, 4]), progress=heard.append)
        assert copies.pairs("all").tolist() == [[0, 2]]
    assert heard[-1] == 3


def test_damaged_pairs_are_found_again_with_a_word(tmp_path: Path) -> None:
    thumbnails = np.stack([picture(0), picture(0)[:, ::-1], picture(1)])
    heard: list[str] = []

    def pairs() -> list[list[int]]:
        found = Copies(thumbnails, tmp_path / "copies", "k", note=heard.append).pairs("all")
        return np.asarray(found).tolist()  # type: ignore[no-any-return]

    assert pairs() == [[0, 1]]
    assert heard == []
    (kept,) = (tmp_path / "copies").glob("*.npy")
    (seal,) = (tmp_path / "copies").glob("*.npy.json")
    wrong = [np.zeros((1, 2), np.float64), np.array([[0, 2]]), np.array([[0, 1], [0, 2]])]
    for number, array in enumerate(wrong, start=1):
        np.save(kept, array)  # sound files, but not what was found
        assert pairs() == [[0, 1]]
        assert len(heard) == number
    for path in (kept, seal):
        content = path.read_bytes()
        for cut in (0, 1, 60, len(content) - 1):
            path.write_bytes(content[:cut])
            assert pairs() == [[0, 1]]
        header = content[: len(content) // 2] + bytes(len(content) - len(content) // 2)
        for damage in (bytes(len(content)), header, b"PK\x03\x04" + content[4:]):
            path.write_bytes(damage)
            assert pairs() == [[0, 1]]
    assert len(heard) == 16  # a seal whose last line break is missing says all that it said
    assert all("damaged and is made again" in words for words in heard)
    assert caches.fault(kept, deep=True) == ""


def test_pairs_that_can_not_be_kept_are_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    thumbnails = np.stack([picture(0), picture(0)[:, ::-1], picture(1)])
    heard: list[str] = []
    copies = Copies(thumbnails, tmp_path / "copies", "k", note=heard.append)
    assert copies.pairs("all").tolist() == [[0, 1]]
    assert "No space left" in heard[0]
    assert list((tmp_path / "copies").iterdir()) == []


def test_two_that_look_for_the_same_copies_look_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thumbnails = np.stack([picture(0), picture(0)[:, ::-1], picture(1)])
    searched: list[int] = []
    real = CopyFinder.pairs

    def slow(finder: CopyFinder, symmetries: Symmetries) -> Any:
        searched.append(1)
        time.sleep(1.5)
        return real(finder, symmetries)

    monkeypatch.setattr(CopyFinder, "pairs", slow)
    heard: list[str] = []
    found: list[Any] = []

    def look() -> None:
        copies = Copies(thumbnails, tmp_path / "copies", "k", note=heard.append)
        found.append(copies.pairs("all").tolist())

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [[[0, 1]], [[0, 1]]]
    assert searched == [1]
    assert heard == ["another process is looking for copies: waiting for it"]
