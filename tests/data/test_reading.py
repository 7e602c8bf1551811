"""Any image file in, a square of bytes out; or a `DataError` that says why not."""

from __future__ import annotations

import random
import time

import numpy as np
import numpy.typing as npt
import pytest
from data_images import encode, picture, png_of
from PIL import Image

from automedimg.data.reading import decode, strict_pillow
from automedimg.errors import DataError

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
def test_eight_bit_values_are_kept(name: str) -> None:
    read = decode(FULL[name], 64, 3)
    expected = np.asarray(grey().resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(read.pixels.astype(int) - expected[..., None]).max() <= 6
    assert (read.width, read.height) == (64, 48)
    assert read.mode == name.split()[0]


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


@pytest.mark.parametrize("name", DEEP_FILES)
def test_deep_values_are_scaled_from_the_range_of_the_image(name: str) -> None:
    pixels = decode(DEEP_FILES[name], 48, 1).pixels[..., 0]
    assert pixels.min() <= 3
    assert pixels.max() >= 252
    assert np.all(np.diff(pixels[10].astype(int)) > 0)


def test_a_deep_image_without_contrast_is_black() -> None:
    flat = encode(Image.fromarray(np.full((9, 9), 40000, np.uint16)), "PNG")
    assert not decode(flat, 8, 3).pixels.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    values = np.ones((9, 9), np.float32)
    values[4, 4] = value
    with pytest.raises(DataError, match="not finite"):
        decode(encode(Image.fromarray(values), "TIFF"), 8, 1)


def test_one_bit_is_black_and_white() -> None:
    image = Image.new("1", (16, 16))
    image.paste(1, (8, 0, 16, 16))
    for file_format in ("PNG", "TIFF", "BMP", "PPM"):
        pixels = decode(encode(image, file_format), 16, 1).pixels[..., 0]
        assert pixels[:, :6].max() == 0
        assert pixels[:, 10:].min() == 255


def test_colours_are_kept_and_turned_to_grey_on_demand() -> None:
    red = encode(Image.new("RGB", (20, 20), (255, 0, 0)), "PNG")
    assert decode(red, 8, 3).pixels[4, 4].tolist() == [255, 0, 0]
    assert decode(red, 8, 1).pixels[4, 4].tolist() == [76]


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
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_becomes_black(content: bytes, channels: int) -> None:
    pixels = decode(content, 32, channels).pixels
    assert np.all(np.abs(pixels[:, :14].astype(int) - 200) <= 1)
    assert pixels[:, 18:].max() == 0


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (1, 2000), (2000, 1), (3, 7), (127, 129), (1920, 1080)],
)
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_any_shape_becomes_a_square(width: int, height: int, file_format: str) -> None:
    content = encode(Image.new("RGB", (width, height), (90, 90, 90)), file_format)
    for channels in (1, 3):
        read = decode(content, 40, channels)
        assert read.pixels.shape == (40, 40, channels)
        assert read.pixels.dtype == np.uint8
        assert read.thumbnail.shape == (64, 64)
        assert np.all(np.abs(read.pixels.astype(int) - 90) <= 2)
        assert (read.width, read.height) == (width, height)


def test_a_large_jpeg_is_not_blurred_by_the_fast_decoder() -> None:
    sharp = grey(picture(1)).resize((1024, 1024), Image.Resampling.BICUBIC)
    read = decode(encode(sharp, "JPEG", quality=95), 64, 1).pixels[..., 0].astype(int)
    expected = np.asarray(sharp.resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(read - expected).mean() < 4


@pytest.mark.parametrize(
    ("orientation", "white"),
    [
        (1, np.s_[:, :7]),
        (2, np.s_[:, 9:]),
        (3, np.s_[:, 9:]),
        (6, np.s_[:7, :]),
        (8, np.s_[9:, :]),
    ],
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
def test_the_orientation_of_the_camera_is_obeyed(
    orientation: int, white: tuple[slice, slice], file_format: str
) -> None:
    image = Image.new("L", (40, 20))
    image.paste(255, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encode(image, file_format, exif=exif), 16, 1).pixels[..., 0]
    assert pixels[white].min() > 200
    assert pixels.mean() == pytest.approx(127, abs=12)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("tail", [b"", b"garbage", b"II*\x00\xff\xff\xff\xff", b"MM\x00*\x00\x00"])
def test_damaged_camera_data_do_not_cost_the_image(tail: bytes) -> None:
    content = encode(Image.new("L", (20, 20), 90), "JPEG", exif=b"Exif\x00\x00" + tail)
    assert decode(content, 8, 1).pixels.mean() == pytest.approx(90, abs=2)


WHOLE = encode(grey(picture(2)), "PNG")


@pytest.mark.parametrize(
    ("content", "reason"),
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
def test_what_can_not_be_read_says_why_in_one_line(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        decode(content, 32, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(12_000, 12_000), (60_000, 60_000)])
def test_a_decompression_bomb_is_refused_at_once(size: tuple[int, int]) -> None:
    bomb = png_of(*size)
    assert len(bomb) < 200
    started = time.monotonic()
    with strict_pillow(), pytest.raises(DataError, match="100,000,000"):
        decode(bomb, 32, 3)
    assert time.monotonic() - started < 1


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_without_the_stricter_settings_too() -> None:
    with pytest.raises(DataError, match="12000 x 12000 pixels"):
        decode(png_of(12_000, 12_000), 32, 3)


def test_an_image_below_the_bound_is_not_called_too_large() -> None:
    with strict_pillow(), pytest.raises(DataError) as caught:
        decode(png_of(9_500, 10_000), 32, 3)  # 95 million declared, none there
    assert "100,000,000" not in caught.value.message


FUZZED = [
    WHOLE,
    encode(grey(picture(3)).convert("RGB"), "JPEG"),
    encode(grey(picture(3)), "BMP"),
    encode(grey(picture(3)), "TIFF"),
    encode(grey(picture(3)).convert("RGB"), "TIFF", compression="tiff_lzw"),
    encode(grey(picture(3)), "GIF"),
    encode(grey(picture(3)), "PPM"),
    DEEP_FILES["F tiff"],
    palette_with_transparency(),
]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut or repeat bytes, more often near the head, where the sizes and offsets are."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 2, 5, 20))):
        end = rng.choice((64, len(data)))
        place = rng.randrange(max(1, min(end, len(data))))
        match rng.randrange(4):
            case 0:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                data[place : place + rng.randrange(9)] = b""
            case 2:
                data[place:place] = data[place : place + rng.randrange(40)]
            case 3:
                del data[max(8, rng.randrange(len(data) + 1)) :]
    return bytes(data)


# Pillow warns about damaged metadata of files that it can read; as errors the warnings would hide
# what happens to users.
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_read_or_refused_and_nothing_else() -> None:
    rng = random.Random(7)
    outcomes = {"read": 0, "refused": 0}
    for number in range(300):
        content = mutate(FUZZED[number % len(FUZZED)], rng)
        try:
            read = decode(content, 24, 3)
        except DataError as error:
            assert error.message
            assert "\n" not in error.message
            outcomes["refused"] += 1
        else:
            assert read.pixels.shape == (24, 24, 3)
            outcomes["read"] += 1
    assert min(outcomes.values()) > 30
