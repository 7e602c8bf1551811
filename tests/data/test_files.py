"""Files are whole or not there."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from automedimg.data.files import (
    forget_pages,
    make_folder,
    read_json,
    replacing,
    write_json,
    write_text,
)
from automedimg.errors import RunError


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "é a.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": ["ü", None]})
    assert read_json(path) == {"a": ["ü", None]}
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("old")
    with path.open() as reader:
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert path.read_text() == "old"
            assert temporary.suffix == ".keras"
            assert temporary.parent == tmp_path
        assert reader.read() == "old"  # who was reading goes on with the file that it opened
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("data", [{"score": math.nan}, {"thing": object()}])
def test_what_json_can_not_hold_leaves_the_old_file(tmp_path: Path, data: object) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"score": 1})
    with pytest.raises((ValueError, TypeError)):
        write_json(path, data)
    assert json.loads(path.read_text()) == {"score": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"", b'{"a": ', b"\xff\xfe\x00"])
def test_a_missing_or_damaged_json_file_is_a_run_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json"):
        read_json(path)


def test_folders_are_made_with_their_parents_and_may_exist(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b c"
    assert make_folder(folder) == folder
    make_folder(folder)
    assert list(folder.iterdir()) == []


def test_a_folder_below_a_file_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunError, match="can't write to the folder") as caught:
            make_folder(place)
        assert str(place) in caught.value.message
        assert caught.value.hint


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_a_folder_that_takes_no_files_is_a_run_error() -> None:
    with pytest.raises(RunError, match="/proc"):
        make_folder(Path("/proc"))


def test_forgotten_pages_of_a_memory_map_can_be_read_again(tmp_path: Path) -> None:
    np.save(tmp_path / "numbers.npy", np.arange(10_000))
    numbers = np.load(tmp_path / "numbers.npy", mmap_mode="r")
    assert numbers.sum() == 49_995_000
    forget_pages(numbers)
    forget_pages(np.arange(3))  # no map: nothing to forget
    assert numbers.sum() == 49_995_000
