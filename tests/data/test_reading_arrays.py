"""Rows of arrays in npz and HDF5 files are images, however large the array."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from reading_files import read, reason

from automedimg.data.reading import RawImage, list_parts, read_parts
from automedimg.data.reading.npz import _Rows
from automedimg.errors import DataError

Write = Callable[..., Path]

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (7, 6, 5), dtype=np.uint8)
RGB = RNG.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)


def write_npz(folder: Path, **arrays: npt.NDArray[Any]) -> Path:
    np.savez_compressed(folder / "arrays.npz", **arrays)
    return folder / "arrays.npz"


def write_stored_npz(folder: Path, **arrays: npt.NDArray[Any]) -> Path:
    np.savez(folder / "stored.npz", **arrays)
    return folder / "stored.npz"


def write_hdf5(folder: Path, **arrays: npt.NDArray[Any]) -> Path:
    with h5py.File(folder / "arrays.h5", "w") as file:
        for name, array in arrays.items():
            chunks = (min(2, len(array)), *array.shape[1:]) if array.ndim > 2 else None
            file.create_dataset(name, data=array, chunks=chunks, compression="gzip")
    return folder / "arrays.h5"


def write_plain_hdf5(folder: Path, **arrays: npt.NDArray[Any]) -> Path:
    with h5py.File(folder / "plain.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return folder / "plain.h5"


WRITERS = [write_npz, write_stored_npz, write_hdf5, write_plain_hdf5]
every_format = pytest.mark.parametrize("write", WRITERS)


def values(path: Path, parts: list[str]) -> list[npt.NDArray[Any]]:
    """The values of parts that must all be readable."""
    images = list(read_parts(path, parts))
    assert all(isinstance(image, RawImage) for image in images), images
    return [image.values for image in images if isinstance(image, RawImage)]


@every_format
def test_rows_are_images(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path, train_images=GREY, colours=RGB, train_labels=np.zeros((7, 1)))
    assert sorted(list_parts(path)) == sorted(
        [f"train_images/{row}" for row in range(7)] + [f"colours/{row}" for row in range(4)]
    )
    assert list_parts(path, "colours") == [f"colours/{row}" for row in range(4)]
    assert np.array_equal(values(path, list_parts(path, "train_images")), GREY)
    assert np.array_equal(values(path, list_parts(path, "colours")), RGB)
    image = read(path, "colours/2")
    assert (image.low, image.high) == (0, 255)
    assert (image.facts.width, image.facts.height, image.facts.mode) == (5, 6, "RGB")
    assert image.facts.compression == ("deflate" if write in (write_npz, write_hdf5) else "")
    assert image.facts.num_bytes == 0


@every_format
def test_rows_are_read_in_any_order(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path, a=GREY, b=RGB)
    found = values(path, ["a/5", "a/2", "b/3", "a/2", "b/0", "a/6"])
    expected = [GREY[5], GREY[2], RGB[3], GREY[2], RGB[0], GREY[6]]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@every_format
@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (GREY > 99, np.uint8),
        (GREY.astype(np.int16) * 100 - 5000, np.float32),
        (GREY.astype(np.uint32) * 65000, np.float32),
        (GREY.astype(">f8") / 7, np.float32),
        (GREY[..., None], np.uint8),
        (GREY[:, None], np.uint8),
        (np.asfortranarray(GREY), np.uint8),
        (RGB.transpose(0, 3, 1, 2), np.uint8),
    ],
)
def test_types_and_layouts(
    write: Write, tmp_path: Path, array: npt.NDArray[Any], dtype: type[np.generic]
) -> None:
    image = read(write(tmp_path, x=array), "x/3")
    expected = array[3].squeeze()
    if expected.ndim == 3:
        expected = expected.transpose(1, 2, 0)
    assert image.values.dtype == dtype
    scale = 255 if array.dtype == bool else 1
    assert np.allclose(image.values, expected.astype(np.float64) * scale, rtol=1e-6)
    if dtype == np.float32:
        assert (image.low, image.high) == (image.values.min(), image.values.max())


@every_format
def test_the_first_image_stands_for_the_file(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path, images=GREY, labels=np.zeros(7))
    assert np.array_equal(read(path).values, GREY[0])


@every_format
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("images/7", "there is no row 7 in an array of 7"),
        ("other/0", "no such array"),
        ("images", "expected ARRAY/ROW"),
        ("images/x", "expected ARRAY/ROW"),
        ("images/-1", "expected ARRAY/ROW"),
        ("../images/0", "no such array"),
        ("labels/0", "1 dimensions"),
        ("volumes/0", "neither grey nor RGB"),
        ("complex/0", "other things than numbers"),
        ("nan/0", "not finite"),
    ],
)
def test_what_is_no_image_says_why(write: Write, tmp_path: Path, part: str, expected: str) -> None:
    path = write(
        tmp_path,
        images=GREY,
        labels=np.zeros(7),
        volumes=np.zeros((2, 9, 9, 9)),
        complex=np.zeros((2, 9, 9), complex),
        nan=np.full((2, 3, 3), np.nan),
    )
    good, bad, again = read_parts(path, ["images/0", part, "images/1"])
    assert isinstance(bad, str)
    assert expected in bad
    assert isinstance(good, RawImage)
    assert isinstance(again, RawImage)


@every_format
def test_a_key_must_name_an_array_of_images(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path, images=GREY, labels=np.zeros(7))
    for key, words in (("nothing", "no such array"), ("labels", "1 dimensions")):
        with pytest.raises(DataError, match=words):
            list_parts(path, key)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.array([[[{"a": 1}]]], dtype=object), y=GREY)
    assert "other things than numbers" in reason(tmp_path / "x.npz", "x/0")
    assert np.array_equal(read(tmp_path / "x.npz", "y/0").values, GREY[0])


@pytest.mark.parametrize("write", [write_npz, write_stored_npz])
def test_a_large_array_is_streamed(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = RNG.integers(0, 256, (200, 128, 128), dtype=np.uint8)
    path = write(tmp_path, x=array, y=GREY)
    monkeypatch.setattr(_Rows, "WHOLE_BYTES", array.nbytes // 2)
    tracemalloc.start()
    rows = [0, 3, 90, 199, 7]
    images = read_parts(path, [f"x/{row}" for row in rows])
    for row, image in zip(rows, images, strict=True):
        assert isinstance(image, RawImage)
        assert np.array_equal(image.values, array[row])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < array.nbytes
    assert np.array_equal(values(path, ["x/5", "y/1", "x/2"])[0], array[5])


def npz_claiming(folder: Path, header: str, content: bytes) -> Path:
    """An npz file of one array with this header."""
    text = header.encode() + b"\n"
    member = io.BytesIO()
    member.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content)
    path = folder / "claims.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", member.getvalue())
    return path


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (9, 90000, 90000), }", "size is not"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }" % ("9," * 99), "size is not"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1, 2, 2), }", "other things"),
        ("{'descr': '<u9', 'fortran_order': False, 'shape': (1, 2, 2), }", "other things"),
        ("{'descr': [('a', '<u1')], 'fortran_order': False, 'shape': (1, 2, 2), }", "other"),
        ("__import__('os').abort()", "other things"),
        ("(" * 5000, "other things"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: str, expected: str) -> None:
    assert expected in reason(npz_claiming(tmp_path, header, bytes(4)), "x/0")


def test_a_zip_bomb_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(1000))
    content = path.read_bytes().replace((1000).to_bytes(4, "little"), b"\xff\xff\xff\x7f")
    path.write_bytes(content)
    assert "more than the file can hold" in reason(path, "x/0")


def test_absurdly_many_rows_are_not_listed(tmp_path: Path) -> None:
    path = write_npz(tmp_path, x=np.zeros((6_000_000, 1, 1), np.uint8))
    with pytest.raises(DataError, match="absurd number of rows"):
        list_parts(path, "x")
    half = np.zeros((3_000_000, 1, 1), np.uint8)
    with pytest.raises(DataError, match="5,000,000 rows"):
        list_parts(write_npz(tmp_path, x=half, y=half))


def test_groups_in_a_circle_end(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        group = file.create_group("group")
        for name in "abcdefghij":
            group[name] = group
        group["z"] = GREY
    assert list_parts(tmp_path / "x.h5")[0] == "group/z/0"


def test_rows_of_too_many_pixels_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", shape=(2, 20_000, 20_000), dtype="u1", chunks=(1, 100, 100))
        file.create_dataset("y", shape=(1_000_000, 99, 99), dtype="u1", chunks=(1, 99, 99))
    assert "100,000,000 allowed" in reason(tmp_path / "x.h5", "x/0")
    assert "more than the file holds" in reason(tmp_path / "x.h5", "y/0")


def test_links_and_files_outside_are_not_followed(tmp_path: Path) -> None:
    secret = write_plain_hdf5(tmp_path, x=GREY)
    raw = tmp_path / "raw"
    raw.write_bytes(GREY.tobytes())
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["outside"] = h5py.ExternalLink(secret.name, "/x")
        file.create_group("group")["soft"] = h5py.SoftLink("/outside")
        file.create_dataset("raw", GREY.shape, "u1", external=[(str(raw), 0, GREY.nbytes)])
        layout = h5py.VirtualLayout(GREY.shape, "u1")
        layout[:] = h5py.VirtualSource(secret, "x", GREY.shape)
        file.create_virtual_dataset("virtual", layout)
        file["group/circle"] = file["group"]
        file["good"] = GREY
    path = tmp_path / "links.h5"
    for part in ("outside/0", "group/soft/0", "raw/0", "virtual/0"):
        assert "not followed" in reason(path, part) or "not read" in reason(path, part)
    assert np.array_equal(read(path, "good/3").values, GREY[3])


def test_arrays_in_groups_are_found(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/b/images"] = GREY
    assert list_parts(tmp_path / "x.h5")[3] == "a/b/images/3"
    assert np.array_equal(read(tmp_path / "x.h5", "a/b/images/3").values, GREY[3])


@every_format
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_cut_file_is_set_aside(write: Write, tmp_path: Path, share: float) -> None:
    path = write(tmp_path, x=RNG.integers(0, 256, (50, 40, 40), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    outcomes = list(read_parts(path, ["x/0", "x/49"]))
    assert len(outcomes) == 2
    assert isinstance(outcomes[1], str)
    with pytest.raises(DataError):
        list_parts(path)
