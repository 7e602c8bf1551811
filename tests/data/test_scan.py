"""The table of what was found out about each image."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automedimg.data.decoding import Formed
from automedimg.data.forming import Appearance
from automedimg.data.reading import Facts
from automedimg.data.scan import Scan, ScanWriter, describe_columns, load, save

DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)
LOOK = Appearance(darkest=1.0, brightest=200.0, mean=50.0, border=2.5, corners=0.25, blank=False)


def formed(digest: str = "", **facts: Any) -> Formed:
    """An image, as the decoder returns it."""
    settings: dict[str, Any] = {"width": 80, "height": 40, "mode": "L", "format": "PNG"}
    return Formed(
        squares=(),
        thumbnail=np.zeros((64, 64), np.uint8),
        facts=Facts(**(settings | facts)),
        look=LOOK,
        stored=(0.0, 4095.0),
        digest=digest,
    )


def scan_of(*images: Formed | str) -> Scan:
    writer = ScanWriter()
    for row, image in enumerate(images):
        writer.add(image, f"file {row}")
    return writer.finish()


def mixed() -> Scan:
    """A PNG, a note, a CT of one scanner, an MR of another, a screenshot."""
    return scan_of(
        formed(num_bytes=800),
        "not an image in a known format",
        formed(mode="MONOCHROME2", format="DICOM", tags={"KVP": 120.0, "Manufacturer": "ab12"}),
        formed(mode="MONOCHROME2", format="DICOM", tags={"Manufacturer": "cd34"}),
        formed(mode="RGB", flags=("burned-in", "secondary-capture")),
    )


def assert_same(one: Scan, other: Scan) -> None:
    assert (one.digests, one.reasons, one.flags) == (other.digests, other.reasons, other.flags)
    assert set(one.numbers) == set(other.numbers)
    for name, column in one.numbers.items():
        assert column.dtype == other.numbers[name].dtype == np.float32
        np.testing.assert_array_equal(column, other.numbers[name])
    assert set(one.texts) == set(other.texts)
    for name, (codes, words) in one.texts.items():
        assert other.texts[name][1] == words
        np.testing.assert_array_equal(codes, other.texts[name][0])


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path, mixed())
    assert_same(load(tmp_path, 5), mixed())


@pytest.mark.parametrize("images", [(), ("empty file",) * 3], ids=["no rows", "nothing readable"])
def test_a_table_without_columns_is_saved_too(tmp_path: Path, images: tuple[str, ...]) -> None:
    scan = scan_of(*images)
    save(tmp_path, scan)
    assert_same(load(tmp_path, len(images)), scan)
    assert scan.readable().tolist() == []


def test_the_readable_rows_are_the_others() -> None:
    scan = mixed()
    assert len(scan) == 5
    assert scan.readable().tolist() == [0, 2, 3, 4]
    assert scan.reasons == {1: "not an image in a known format"}
    assert scan.digests == ("file 0", "", "file 2", "file 3", "file 4")
    assert scan.flags == {4: ("burned-in", "secondary-capture")}


def test_what_a_file_does_not_say_is_unknown() -> None:
    scan = mixed()
    kvp = scan.numbers["tag:KVP"]
    assert kvp.shape == (5,)
    assert kvp[2] == 120
    assert np.isnan(kvp[[0, 1, 3, 4]]).all()
    assert scan.text("tag:Manufacturer", np.arange(5)) == [None, None, "ab12", "cd34", None]
    assert scan.text("mode", np.array([4, 0, 1])) == ["RGB", "L", None]


def test_a_tag_that_appears_late_or_ends_early_lines_up() -> None:
    images = [formed() for _ in range(6)]
    images[4] = formed(tags={"KVP": 90.0})
    images[1] = formed(tags={"EchoTime": 7.0, "Model": "m"})
    scan = scan_of(*images)
    assert scan.numbers["tag:KVP"][4] == 90
    assert scan.numbers["tag:EchoTime"][1] == 7
    for column in scan.numbers.values():
        assert len(column) == 6
    assert scan.text("tag:Model", np.arange(6)) == [None, "m", None, None, None, None]


def test_equal_texts_share_a_code() -> None:
    codes, words = mixed().texts["mode"]
    assert len(words) == 3
    assert codes[2] == codes[3] != codes[0]
    assert codes[1] == -1


def test_every_file_may_say_something_else() -> None:
    """A device's serial number, a date of calibration: a tag may differ in each of many files."""
    writer = ScanWriter()
    for row in range(33_000):
        writer.add(formed(tags={"Serial": f"{row:x}"}), "")
    assert writer.finish().text("tag:Serial", np.array([0, 32_999])) == ["0", "80e7"]


def test_a_part_is_known_by_its_pixels() -> None:
    writer = ScanWriter()
    writer.add(formed(digest="pixels"), "")
    writer.add(formed(digest="pixels"), "file")
    assert writer.finish().digests == ("pixels", "file")


def test_a_row_costs_few_bytes(tmp_path: Path) -> None:
    """Millions of patches: a table that grows with objects would not fit."""
    writer = ScanWriter()
    image = formed(digest="0" * 32)
    for _ in range(20_000):
        writer.add(image, "")
    save(tmp_path, writer.finish())
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size / 20_000 < 150
    assert len(load(tmp_path, 20_000)) == 20_000


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", ["scan.json", "scan.npz"])
@pytest.mark.parametrize("how", ["gone", "cut", "empty", "nonsense"])
def test_a_damaged_table_is_not_believed(tmp_path: Path, name: str, how: str) -> None:
    save(tmp_path, mixed())
    path = tmp_path / name
    if how == "gone":
        path.unlink()
    elif how == "cut":
        cut(path)
    else:
        path.write_text("" if how == "empty" else "nonsense")
    with pytest.raises(DAMAGED):
        load(tmp_path, 5)


def test_a_table_of_other_images_is_not_believed(tmp_path: Path) -> None:
    save(tmp_path, mixed())
    with pytest.raises(ValueError, match="another number of rows"):
        load(tmp_path, 6)


def test_columns_that_say_something_of_an_image_without_showing_it() -> None:
    columns = describe_columns(mixed(), [0, 2, 3, 4])
    assert columns["width"] == [80.0] * 4
    assert columns["aspect"] == [2.0] * 4
    assert columns["bytes_per_pixel"] == [0.25, None, None, None]
    assert columns["mode"] == ["L", "MONOCHROME2", "MONOCHROME2", "RGB"]
    assert columns["KVP"] == [None, 120.0, None, None]
    assert columns["Manufacturer"] == [None, "ab12", "cd34", None]
    assert columns["border_brightness"] == [2.5] * 4
    assert columns["corner_text"] == [0.25] * 4
    assert not {"mean", "darkest", "brightest", "low", "high"} & set(columns)
    assert not any(isinstance(v, float) and math.isnan(v) for c in columns.values() for v in c)
    json.dumps(columns, allow_nan=False)
