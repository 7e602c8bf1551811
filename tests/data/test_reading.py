"""Any image file in, its values out; or half a sentence on why not."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from data_images import encode, picture, png_of
from PIL import Image
from reading_files import read, reason, shown

from automedimg.data.reading import (
    RawImage,
    is_dicom,
    list_parts,
    opening,
    read_parts,
    strict_pillow,
)
from automedimg.errors import DataError

Decode = Callable[..., RawImage]


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    """Reads a file's content."""

    def decode(content: bytes, **options: int) -> RawImage:
        (tmp_path / "image").write_bytes(content)
        return read(tmp_path / "image", **options)

    return decode


@pytest.fixture
def refuse(tmp_path: Path) -> Callable[[bytes], str]:
    """Says why a file's content can't be read."""

    def refuse(content: bytes) -> str:
        (tmp_path / "image").write_bytes(content)
        return reason(tmp_path / "image")

    return refuse


Refuse = Callable[[bytes], str]

RAMP = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))


def grey(image: npt.NDArray[np.uint8] = RAMP) -> Image.Image:
    return Image.fromarray(image)


def transparent_right_half(image: Image.Image) -> Image.Image:
    """The image in RGBA or LA, its right half clear."""
    mask = Image.new("L", image.size, 255)
    mask.paste(0, (image.width // 2, 0, image.width, image.height))
    image = image.copy()
    image.putalpha(mask)
    return image


FULL = {
    "L png": encode(grey(), "PNG"),
    "L bmp": encode(grey(), "BMP"),
    "L tiff": encode(grey(), "TIFF"),
    "L pgm": encode(grey(), "PPM"),
    "P gif": encode(grey(), "GIF"),
    "L jpeg": encode(grey(), "JPEG", quality=95),
    "RGB png": encode(grey().convert("RGB"), "PNG"),
    "RGB jpeg": encode(grey().convert("RGB"), "JPEG", quality=95),
    "RGB progressive": encode(grey().convert("RGB"), "JPEG", quality=95, progressive=True),
    "RGB bmp": encode(grey().convert("RGB"), "BMP"),
    "RGB tiff lzw": encode(grey().convert("RGB"), "TIFF", compression="tiff_lzw"),
    "RGB ppm": encode(grey().convert("RGB"), "PPM"),
    "P png": encode(grey().convert("P"), "PNG"),
    "P bmp": encode(grey().convert("RGB").quantize(64), "BMP"),
    "LA png": encode(grey().convert("LA"), "PNG"),
    "RGBA png": encode(grey().convert("RGBA"), "PNG"),
    "RGBA tiff": encode(grey().convert("RGBA"), "TIFF"),
    "CMYK jpeg": encode(grey().convert("RGB").convert("CMYK"), "JPEG", quality=95),
    "CMYK tiff": encode(grey().convert("RGB").convert("CMYK"), "TIFF"),
}


@pytest.mark.parametrize("name", FULL)
def test_eight_bit_values_are_kept(decode: Decode, name: str) -> None:
    image = decode(FULL[name])
    values = image.values.astype(int)
    difference = values - (RAMP[..., None] if values.ndim == 3 else RAMP).astype(int)
    assert np.abs(difference).max() <= 3
    assert image.values.dtype == np.uint8
    assert (image.low, image.high) == (0, 255)
    assert (image.facts.width, image.facts.height) == (64, 48)
    assert image.facts.mode == name.split()[0]
    assert image.facts.num_bytes == len(FULL[name])


DEEP = np.tile(np.linspace(0, 1, 64), (48, 1))
DEEP_FILES = {
    "I;16 png": encode(Image.fromarray((1000 + 3000 * DEEP).astype(np.uint16)), "PNG"),
    "I;16 tiff": encode(Image.fromarray((65535 * DEEP).astype(np.uint16)), "TIFF"),
    "I;16 pgm": encode(Image.fromarray((60000 * DEEP).astype(np.int32)), "PPM"),
    "I;16B tiff": encode(
        Image.frombytes("I;16B", (64, 48), (65535 * DEEP).astype(">u2").tobytes()), "TIFF"
    ),
    "I tiff": encode(Image.fromarray((-5000 + 90000 * DEEP).astype(np.int32)), "TIFF"),
    "F tiff": encode(Image.fromarray((-0.5 + DEEP).astype(np.float32)), "TIFF"),
}

DEEP_RANGES = {
    "I;16 png": (1000, 4000),
    "I;16 tiff": (0, 65535),
    "I;16 pgm": (0, 60000),
    "I;16B tiff": (0, 65535),
    "I tiff": (-5000, 85000),
    "F tiff": (-0.5, 0.5),
}


@pytest.mark.parametrize("name", DEEP_FILES)
def test_deep_values_keep_their_precision_and_bring_their_range(decode: Decode, name: str) -> None:
    image = decode(DEEP_FILES[name])
    assert image.values.dtype == np.float32
    assert (image.low, image.high) == (image.values.min(), image.values.max())
    first, last = DEEP_RANGES[name]
    expected = first + (last - first) * DEEP[0]
    assert np.abs(image.values - expected).max() <= 1
    assert image.facts.bits == (32 if name[:2] in ("I ", "F ") else 16)


def test_a_deep_image_without_contrast_is_black(decode: Decode) -> None:
    image = decode(encode(Image.fromarray(np.full((9, 9), 40000, np.uint16)), "PNG"))
    assert (image.low, image.high) == (40000, 40001)
    assert not shown(image).any()


def test_a_range_can_be_divided_by_however_narrow_or_large_it_is(decode: Decode) -> None:
    for values in ([0, 1e-42], [3e7, 3e7], [-1e29, 1e29], [1e29, 1e29]):
        image = decode(encode(Image.fromarray(np.array([values], np.float32)), "TIFF"))
        assert np.isfinite(np.float32(1) / np.float32(image.high - image.low))
        assert image.high > image.low


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(refuse: Refuse, value: float) -> None:
    values = np.ones((9, 9), np.float32)
    values[4, 4] = value
    assert "not finite" in refuse(encode(Image.fromarray(values), "TIFF"))


def test_one_bit_is_black_and_white(decode: Decode) -> None:
    image = Image.new("1", (16, 16))
    image.paste(1, (8, 0, 16, 16))
    for file_format in ("PNG", "TIFF", "BMP", "PPM"):
        read_image = decode(encode(image, file_format))
        assert read_image.values[:, :8].max() == 0
        assert read_image.values[:, 8:].min() == 255
        assert read_image.facts.bits == 1


def test_colours_are_kept(decode: Decode) -> None:
    red = encode(Image.new("RGB", (20, 20), (255, 0, 0)), "PNG")
    assert decode(red).values[4, 4].tolist() == [255, 0, 0]


def palette_with_transparency() -> bytes:
    image = Image.new("P", (64, 48), 1)
    image.putpalette([255, 255, 255, 200, 200, 200] + [0] * 762)
    image.paste(0, (32, 0, 64, 48))
    return encode(image, "PNG", transparency=0)


def colour_key(mode: str) -> bytes:
    kept, clear = {"L": (200, 255), "RGB": ((200, 200, 200), (255, 255, 255))}[mode]
    image = Image.new(mode, (64, 48), kept)
    image.paste(clear, (32, 0, 64, 48))
    return encode(image, "PNG", transparency=clear)


HALF = Image.new("L", (64, 48), 200)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(encode(transparent_right_half(HALF), "PNG"), id="LA"),
        pytest.param(encode(transparent_right_half(HALF.convert("RGB")), "PNG"), id="RGBA"),
        pytest.param(palette_with_transparency(), id="P"),
        pytest.param(colour_key("L"), id="L with a colour key"),
        pytest.param(colour_key("RGB"), id="RGB with a colour key"),
    ],
)
def test_what_is_transparent_becomes_black(decode: Decode, content: bytes) -> None:
    values = decode(content).values
    assert np.all(np.abs(values[:, :32].astype(int) - 200) <= 1)
    assert values[:, 32:].max() == 0


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (1, 2000), (2000, 1), (3, 7), (127, 129), (1920, 1080)],
)
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_any_shape_is_read(decode: Decode, width: int, height: int, file_format: str) -> None:
    image = decode(encode(Image.new("RGB", (width, height), (90, 90, 90)), file_format))
    assert image.values.shape == (height, width, 3)
    assert np.all(np.abs(image.values.astype(int) - 90) <= 2)


def test_a_jpeg_is_decoded_smaller_but_never_below_the_hint(decode: Decode) -> None:
    content = encode(Image.new("L", (1000, 600), 90), "JPEG")
    for hint, height in ((600, 600), (301, 600), (300, 300), (80, 75), (75, 75), (1, 75)):
        image = decode(content, hint_side=hint)
        assert image.values.shape[0] >= min(hint, 600)
        assert image.values.shape[0] == (height if hint != 80 else 150)
        assert (image.facts.width, image.facts.height) == (1000, 600)


def test_only_jpegs_follow_the_hint(decode: Decode) -> None:
    content = encode(Image.new("L", (64, 48), 90), "PNG")
    assert decode(content, hint_side=8).values.shape == (48, 64)


@pytest.mark.parametrize(
    ("orientation", "white"),
    [
        (1, np.s_[:, :16]),
        (2, np.s_[:, 24:]),
        (3, np.s_[:, 24:]),
        (6, np.s_[:16, :]),
        (8, np.s_[24:, :]),
    ],
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
def test_the_orientation_of_the_camera_is_obeyed(
    decode: Decode, orientation: int, white: tuple[slice, slice], file_format: str
) -> None:
    image = Image.new("L", (40, 20))
    image.paste(255, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    values = decode(encode(image, file_format, exif=exif)).values
    assert values[white].min() > 200
    assert values.mean() == pytest.approx(127, abs=12)


@pytest.mark.parametrize("tail", [b"", b"garbage", b"II*\x00\xff\xff\xff\xff", b"MM\x00*\x00\x00"])
def test_damaged_camera_data_do_not_cost_the_image(decode: Decode, tail: bytes) -> None:
    content = encode(Image.new("L", (20, 20), 90), "JPEG", exif=b"Exif\x00\x00" + tail)
    assert decode(content).values.mean() == pytest.approx(90, abs=2)


WHOLE = encode(grey(picture(2)), "PNG")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty file"),
        (b"this is a note, saved as scan.jpg\n" * 9, "not an image in a known format"),
        (bytes(range(256)) * 4, "not an image in a known format"),
        (b"\x00" * 5000, "not an image in a known format"),
        (b"\x89PNG\r\n\x1a\n", "damaged|not an image"),
        (b"\xff\xd8\xff\xe0", "damaged|not an image"),
        (WHOLE[: len(WHOLE) // 2], "damaged"),
        (encode(grey(picture(2)), "JPEG")[:900], "damaged"),
        (encode(grey(picture(2)), "BMP")[:900], "damaged"),
        (encode(grey(picture(2)), "TIFF")[:900], "damaged|not an image"),
        (b'<?xml version="1.0"?><svg width="9" height="9"></svg>', "not an image in a known"),
        (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "not an image in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image in a known format"),
        (encode(grey(), "ICO"), "not an image in a known format"),
        (encode(grey(), "PDF"), "not an image in a known format"),
        (encode(grey(), "EPS"), "not an image in a known format"),
    ],
)
def test_what_can_not_be_read_says_why_in_one_line(
    refuse: Refuse, content: bytes, expected: str
) -> None:
    text = refuse(content)
    assert re.search(expected, text)
    assert "\n" not in text


@pytest.mark.parametrize("size", [(12_000, 12_000), (60_000, 60_000)])
@pytest.mark.parametrize("around", [strict_pillow, contextlib.nullcontext])
def test_a_decompression_bomb_is_refused(
    refuse: Refuse, size: tuple[int, int], around: Callable[[], Any]
) -> None:
    bomb = png_of(*size)
    assert len(bomb) < 200
    with around():
        assert "100,000,000" in refuse(bomb)


def test_an_image_below_the_bound_is_not_called_too_large(refuse: Refuse) -> None:
    # 95 million are declared, none are there.
    assert "100,000,000" not in refuse(png_of(9_500, 10_000))


@pytest.mark.parametrize(
    ("content", "compression"),
    [
        (encode(grey(), "JPEG", quality=75), "JPEG quality 75"),
        (encode(grey().convert("RGB"), "JPEG", quality=90), "JPEG quality 90 4:2:0"),
        (
            encode(grey().convert("RGB"), "JPEG", quality=30, subsampling=0, progressive=True),
            "JPEG quality 30 4:4:4 progressive",
        ),
        (FULL["L png"], "deflate"),
        (FULL["L tiff"], ""),
        (FULL["RGB tiff lzw"], "LZW"),
        (FULL["L bmp"], ""),
    ],
)
def test_the_compression_is_named(decode: Decode, content: bytes, compression: str) -> None:
    assert decode(content).facts.compression == compression


def test_large_files_are_read_from_the_disk(
    decode: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "IN_MEMORY_BYTES", 0)
    assert np.array_equal(decode(FULL["L png"]).values, RAMP)
    assert np.array_equal(decode(FULL["L tiff"]).values, RAMP)


def test_an_mpo_of_a_phone_is_a_jpeg(decode: Decode) -> None:
    two = encode(grey(), "MPO", save_all=True, append_images=[grey()], quality=90)
    facts = decode(two).facts
    assert facts.format == "JPEG"
    assert facts.compression == "JPEG quality 90"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A TIFF of five pages, of value 10 times their number."""
    path = tmp_path / "pages.tif"
    images = [Image.new("L", (8, 4 + page), 10 * page) for page in range(5)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def test_pages_of_a_tiff_are_parts(pages: Path) -> None:
    assert list_parts(pages) == ["0", "1", "2", "3", "4"]
    images = list(read_parts(pages, ["", *list_parts(pages), "1"]))
    values = [image.values[0, 0] for image in images if isinstance(image, RawImage)]
    assert values == [0, 0, 10, 20, 30, 40, 10]
    heights = [image.facts.height for image in images if isinstance(image, RawImage)]
    assert heights == [4, 4, 5, 6, 7, 8, 5]


@pytest.mark.parametrize("part", ["5", "-1", "x", "1/0", "", "99999999999999999999"])
def test_a_page_that_is_not_there_costs_no_other_page(pages: Path, part: str) -> None:
    before, asked, after = read_parts(pages, ["1", part, "2"])
    assert isinstance(before, RawImage)
    assert isinstance(asked, str) == (part != "")
    assert isinstance(after, RawImage)
    assert after.values[0, 0] == 20


def test_a_single_image_has_one_part(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(FULL["L png"])
    assert list_parts(path) == [""]


def test_missing_files_and_folders_have_a_reason_for_each_part(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.png", tmp_path):
        first, second = read_parts(path, ["0", "1"])
        assert isinstance(first, str)
        assert first == second
        assert str(tmp_path) not in first
        assert not is_dicom(path)
        with pytest.raises(DataError) as caught:
            list_parts(path)
        assert str(tmp_path) not in str(caught.value)


def test_reasons_quote_nothing_from_the_file(refuse: Refuse) -> None:
    content = FULL["L png"].replace(b"IDAT", b"JOHN")
    assert "JOHN" not in refuse(content)


def test_the_settings_of_others_are_restored_by_the_last_to_leave() -> None:
    logger = logging.getLogger("pydicom")
    before = (Image.MAX_IMAGE_PIXELS, logger.level, list(warnings.filters))
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(50):
            with strict_pillow(), strict_pillow():
                assert Image.MAX_IMAGE_PIXELS == 100_000_000
                logger.error("Invalid value: 'DOE^JOHN'")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert (Image.MAX_IMAGE_PIXELS, logger.level, list(warnings.filters)) == before
