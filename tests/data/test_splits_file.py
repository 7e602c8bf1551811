"""The table of a split: read back as written, forgiving about spelling, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from automedimg.data.split_files import SplitRow, read_splits_csv, write_splits_csv
from automedimg.errors import DataError

NAMES = ["a.png", "b/c.png", "d.dcm#3"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "splits.csv"


def problem(path: Path, names: list[str] = NAMES) -> str:
    with pytest.raises(DataError) as caught:
        read_splits_csv(path, names)
    assert str(path) in caught.value.message
    return caught.value.message


def test_what_is_written_is_read_back(table: Path) -> None:
    names = ["a.png", 'odd, "name".png', "line\nbreak.png", "å 脳.png", " spaced .png", "x\\y.png"]
    sides = ["train", "test", "validation", "train", "train", "test"]
    rows = [SplitRow(n, "yes", i, s) for i, (n, s) in enumerate(zip(names, sides, strict=True))]  # type: ignore[arg-type]
    text = write_splits_csv(rows)
    assert text.splitlines()[:2] == ["path,label,group,split", "a.png,yes,0,train"]
    table.write_text(text, encoding="utf-8", newline="")
    assert read_splits_csv(table, names) == sides
    assert read_splits_csv(table, names[::-1]) == sides[::-1]


@pytest.mark.parametrize(
    ("words", "side"),
    [
        (("train", "Training", " TRAIN "), "train"),
        (("val", "valid", "Validation"), "validation"),
        (("dev", "DEV", "val "), "validation"),
        (("test", "testing", "Test"), "test"),
    ],
)
def test_sides_may_be_spelt_in_many_ways(
    table: Path, words: tuple[str, str, str], side: str
) -> None:
    lines = [f"{name},{word}" for name, word in zip(NAMES, words, strict=True)]
    table.write_text("\n".join(["path,split", *lines]))
    assert read_splits_csv(table, NAMES) == [side] * 3


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_tables_of_spreadsheets_are_read(table: Path, separator: str, ending: str) -> None:
    lines = ["Split;note;Path", "train;x;a.png", "", "test;;.\\b\\c.png", "val;;d.dcm#3", ";;"]
    text = ending.join(lines).replace(";", separator)
    table.write_bytes(("\ufeff" + text).encode())
    assert read_splits_csv(table, NAMES) == ["train", "test", "validation"]


def test_a_line_twice_is_no_mistake_where_it_says_the_same(table: Path) -> None:
    table.write_text("path,split\na.png,train\na.png,training\nb/c.png,test\nd.dcm#3,val\n")
    assert read_splits_csv(table, NAMES) == ["train", "test", "validation"]


def test_all_that_does_not_match_is_said_at_once(table: Path) -> None:
    strangers = [f"no{i}.png,train" for i in range(5)]
    table.write_text(
        "\n".join(["path,split", "a.png,train", "a.png,test", "b/c.png,hold-out", *strangers])
    )
    message = problem(table)
    assert "1 of 3 images are missing in it (d.dcm#3)" in message
    assert "5 line(s) name images that are not there (no0.png, no1.png, no2.png, ...)" in message
    assert "1 line(s) have an unknown side" in message
    assert "`hold-out` in line 4" in message
    assert "1 line(s) put an image on another side than an earlier line (a.png)" in message


def test_a_line_that_ends_early_has_no_side(table: Path) -> None:
    table.write_text("path,split\na.png\nb/c.png,train\nd.dcm#3,test\n")
    assert "`` in line 2" in problem(table)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no column `path` and no column `split`; its first line has: nothing"),
        (b"path,side\na.png,train\n", "no column `split`; its first line has: path, side"),
        (b"path,split\na\xff.png,train\n", "not UTF-8"),
        (b"path,split\n" + b"x" * 200_000 + b",train\n", "no CSV table"),
    ],
)
def test_what_is_no_such_table_is_refused(table: Path, content: bytes, expected: str) -> None:
    table.write_bytes(content)
    assert expected in problem(table)


def test_a_missing_file_is_named(table: Path) -> None:
    assert "No such file" in problem(table)
    assert "directory" in problem(table.parent)
