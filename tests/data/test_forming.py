"""From an image as it was read to the square that a network sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from data_images import deep_picture, picture, raw

from automedimg.data.forming import Levels, content_box, form, glance, without_colour
from automedimg.data.forming import picture as for_people
from automedimg.data.preprocessing import ALL, Preprocessing
from automedimg.data.reading import RawImage

PLAIN = Preprocessing()
CROP = Preprocessing(crop=True)
PAD = Preprocessing(pad=True)
STANDARD = Preprocessing(standard=True)


def framed(
    content: npt.NDArray[Any], border: tuple[int, int, int, int], level: int
) -> npt.NDArray[Any]:
    """Content with an even border: left, top, right, bottom."""
    left, top, right, bottom = border
    around = ((top, bottom), (left, right), *[(0, 0)] * (content.ndim - 2))
    return np.pad(content, around, constant_values=level)


def plain(values: npt.NDArray[Any], how: Preprocessing = PLAIN, size: int = 64) -> Levels:
    """The grey square of an 8-bit image, without its channel."""
    return form(raw(values), how, size, 1)[..., 0]


def test_an_image_of_the_right_size_stays_as_it_is() -> None:
    assert np.array_equal(plain(picture(1)), picture(1))
    assert np.array_equal(plain(picture(1), PAD), picture(1))


def test_stretching_fills_the_square_and_keeps_sides_apart() -> None:
    values = np.zeros((20, 80), np.uint8)
    values[:, 40:] = 200
    square = plain(values, size=32)
    assert square.shape == (32, 32)
    assert (square[:, :14] == 0).all()
    assert (square[:, 18:] == 200).all()


@pytest.mark.parametrize("shape", [(20, 80), (80, 20)])
def test_padding_keeps_the_proportions_and_adds_no_edge(shape: tuple[int, int]) -> None:
    values = np.full(shape, 30, np.uint8)
    height, width = shape
    values[height // 4 : -height // 4, width // 4 : -width // 4] = 220
    square = plain(values, PAD, 64)
    bright = square > 125
    tall, wide = bright.any(axis=1).sum(), bright.any(axis=0).sum()
    assert max(tall, wide) == pytest.approx(4 * min(tall, wide), abs=4)
    outside = square[:20] if height < width else square[:, :20]
    assert (outside == 30).all()


def test_cropping_cuts_the_even_border_on_each_side() -> None:
    values = framed(picture(3), (10, 20, 30, 40), 0)
    left, top, right, bottom = content_box(raw(values))
    assert (left, top) == pytest.approx((10, 20), abs=1)
    assert (right, bottom) == pytest.approx((74, 84), abs=1)
    cropped = plain(values, CROP).astype(int)
    assert np.abs(cropped - picture(3)).mean() < 6
    assert np.abs(plain(values).astype(int) - picture(3)).mean() > 20


@pytest.mark.parametrize("level", [0, 255], ids=["dark", "bright"])
@pytest.mark.parametrize("scale", [1, 8], ids=["small", "large"])
def test_the_content_is_found_on_dark_and_on_bright(level: int, scale: int) -> None:
    content = np.repeat(np.repeat(picture(5), scale, 0), scale, 1)
    border = (12 * scale, 4 * scale, 3 * scale, 25 * scale)
    box = content_box(raw(framed(content, border, level)))
    expected = (border[0], border[1], border[0] + 64 * scale, border[1] + 64 * scale)
    assert box == pytest.approx(expected, abs=2 * scale)


def test_a_single_odd_pixel_is_no_content() -> None:
    values = framed(picture(5), (40, 40, 40, 40), 0)
    values[2, 2] = 255
    assert content_box(raw(values)) == pytest.approx((40, 40, 104, 104), abs=1)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((50, 70), np.uint8),
        np.full((50, 70), 200, np.uint8),
        framed(np.full((4, 4), 255, np.uint8), (60, 60, 60, 60), 0),
        np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8),
    ],
    ids=["black", "even", "a dot", "noise"],
)
def test_what_has_no_border_or_no_content_is_kept_whole(values: npt.NDArray[np.uint8]) -> None:
    height, width = values.shape
    assert content_box(raw(values)) == (0, 0, width, height)
    assert np.array_equal(plain(values, CROP), plain(values))


def test_a_standardised_image_has_the_same_levels_at_any_contrast() -> None:
    border = (16, 16, 16, 16)
    contents = []
    for contrast in (0.3, 0.8, 1.5):
        values = framed(picture(7, contrast), border, 0)
        content = plain(values, STANDARD, 96)[16:80, 16:80].astype(float)
        assert content.mean() == pytest.approx(110, abs=3)
        assert content.std() == pytest.approx(50, abs=4)
        contents.append(content)
    assert np.abs(contents[0] - contents[2]).mean() < 4


def test_the_border_does_not_count_for_the_standard() -> None:
    narrow = framed(picture(7), (8, 8, 8, 8), 0)
    wide = framed(picture(7), (64, 64, 64, 64), 0)
    first = plain(narrow, STANDARD, 80)[8:72, 8:72].astype(float)
    second = plain(wide, STANDARD, 192)[64:128, 64:128].astype(float)
    assert np.abs(first - second).mean() < 2


@pytest.mark.parametrize("way", ALL, ids=lambda way: way.name)
@pytest.mark.parametrize("level", [0, 255])
def test_a_blank_image_stays_blank(way: Preprocessing, level: int) -> None:
    square = plain(np.full((30, 50), level, np.uint8), way, 16)
    assert len(np.unique(square)) == 1


@pytest.mark.parametrize("way", ALL, ids=lambda way: way.name)
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 500), (500, 1), (2, 3), (1, 5000), (300, 300), (700, 3)]
)
@pytest.mark.parametrize("colour", [False, True])
def test_every_shape_becomes_a_square(
    way: Preprocessing, shape: tuple[int, int], colour: bool
) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (*shape, 3) if colour else shape, dtype=np.uint8)
    for image in (raw(values), raw(values.astype(np.float32) * 16, 0.0, 4095.0)):
        square = form(image, way, 24, 3)
        assert square.shape == (24, 24, 3)
        assert glance(image)[0].shape == (64, 64)
        assert 0 <= glance(image)[1].mean <= 255
        assert max(for_people(image, 40).size) <= 40


def deep(top: int = 4095) -> RawImage:
    """A CT slice, say: more than 256 levels."""
    return raw(deep_picture(2, top).astype(np.float32), 0.0, float(top))


@pytest.mark.parametrize("way", ALL, ids=lambda way: way.name)
def test_deep_images_keep_more_levels_than_a_byte_has(way: Preprocessing) -> None:
    square = form(deep(), way, 64, 1)
    assert square.dtype == np.uint16
    assert len(np.unique(square)) > 1000
    assert form(raw(picture(1)), way, 64, 1).dtype == np.uint8


def test_black_and_white_are_the_ends_of_the_range() -> None:
    square = form(deep(), PLAIN, 64, 1)
    assert (square.min(), square.max()) == (0, 65535)
    values = deep_picture(2).astype(np.float32)
    assert np.allclose(square[..., 0] / 65535, values / 4095, atol=1e-4)


def test_what_lies_outside_the_window_is_black_or_white() -> None:
    values = np.array([[-1000, 0], [100, 3000]], np.float32)
    square = form(raw(values, 0.0, 200.0), PLAIN, 2, 1)[..., 0]
    assert square.tolist() == [[0, 0], [32768, 65535]]


def test_deep_and_flat_images_of_the_same_grey_agree() -> None:
    flat = picture(4)
    same = raw(flat.astype(np.float32) * 257, 0.0, 65535.0)
    for way in ALL:
        levels = form(raw(flat), way, 48, 1).astype(float)
        assert np.abs(form(same, way, 48, 1) / 257 - levels).max() <= 3


def test_grey_becomes_three_equal_channels_and_colour_stays() -> None:
    grey = form(raw(picture(1)), PLAIN, 64, 3)
    assert grey.shape == (64, 64, 3)
    assert all(np.array_equal(grey[..., channel], picture(1)) for channel in range(3))
    colour = np.stack([picture(1), picture(2), picture(3)], axis=-1)
    assert np.array_equal(form(raw(colour), PLAIN, 64, 3), colour)


def test_colour_becomes_grey_by_brightness() -> None:
    for values, grey in (((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)):
        image = np.broadcast_to(np.array(values, np.uint8), (8, 8, 3))
        assert form(raw(image.copy()), PLAIN, 8, 1).mean() == pytest.approx(grey, abs=1)
        as_deep = raw(image.astype(np.float32), 0.0, 255.0)
        assert form(as_deep, PLAIN, 8, 1).mean() / 257 == pytest.approx(grey, abs=1)


def test_all_channels_are_standardised_alike() -> None:
    """Stains keep their colour."""
    colour = np.stack([picture(1) // 2 + 100, picture(1) // 4 + 50, picture(1) // 4], axis=-1)
    levels = form(raw(colour), STANDARD, 64, 3).astype(float)
    means = levels.mean(axis=(0, 1))
    assert means[0] > means[1] > means[2]
    assert levels.mean() == pytest.approx(110, abs=4)


def test_the_look_is_in_grey_levels() -> None:
    values = np.full((100, 200), 10, np.uint8)
    values[20:80, 40:160] = 110
    look = glance(raw(values))[1]
    assert (look.darkest, look.brightest) == (10, 110)
    assert look.mean == pytest.approx(values.mean(), abs=1)
    assert look.border == pytest.approx(10, abs=0.5)
    assert look.corners == 0
    assert not look.blank


def test_the_look_of_a_deep_image_is_that_of_its_flat_twin() -> None:
    flat = glance(raw(picture(4)))[1]
    deep_twin = glance(raw(picture(4).astype(np.float32) * 16, 0.0, 4080.0))[1]
    assert deep_twin.mean == pytest.approx(flat.mean, abs=0.1)
    assert deep_twin.darkest == pytest.approx(flat.darkest, abs=1)
    assert deep_twin.border == pytest.approx(flat.border, abs=0.1)


def test_writing_in_a_corner_is_seen() -> None:
    values = np.zeros((128, 128), np.uint8)
    values[40:90, 40:90] = picture(1)[:50, :50]
    before = glance(raw(values))[1].corners
    values[4:12, 4:14:2] = 255
    assert glance(raw(values))[1].corners > before + 0.005


@pytest.mark.parametrize(("spread", "blank"), [(0, True), (1, True), (60, False)])
def test_next_to_nothing_is_blank(spread: int, blank: bool) -> None:
    rng = np.random.default_rng(0)
    values = (100 + rng.integers(0, spread + 1, (90, 90))).astype(np.uint8)
    assert glance(raw(values))[1].blank is blank


def test_pictures_for_people_keep_their_proportions() -> None:
    assert for_people(raw(np.zeros((100, 400), np.uint8)), 160).size == (160, 40)
    assert for_people(raw(np.zeros((10, 20), np.uint8)), 160).size == (20, 10)
    assert for_people(raw(np.zeros((10, 20, 3), np.uint8)), 160).mode == "RGB"
    assert for_people(deep(), 160).mode == "L"


@pytest.mark.parametrize("how", [way for way in ALL if not way.standard], ids=lambda way: way.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_stored_as_colour_is_formed_as_grey_to_the_same_levels(
    how: Preprocessing, channels: int
) -> None:
    rng = np.random.default_rng(3)
    values = framed(rng.integers(0, 256, (301, 217), np.uint8), (20, 9, 0, 31), 12)
    coloured = raw(np.stack([values] * 3, axis=-1))
    grey = without_colour(coloured)
    assert grey.values.shape == values.shape
    assert grey.facts == coloured.facts
    assert np.array_equal(form(coloured, how, 64, channels), form(grey, how, 64, channels))
    before, after = glance(coloured), glance(grey)
    assert np.array_equal(before[0], after[0])
    assert before[1] == after[1]


@pytest.mark.parametrize("place", [(0, 0, 0), (12, 7, 1), (24, 19, 2)])
def test_one_coloured_pixel_makes_an_image_coloured(place: tuple[int, int, int]) -> None:
    values = np.stack([picture(5)[:25, :20]] * 3, axis=-1)
    values[place] ^= 1
    coloured = raw(values)
    assert without_colour(coloured) is coloured


def test_deep_and_grey_images_are_left_as_they_are() -> None:
    deep = raw(np.stack([deep_picture(1).astype(np.float32)] * 3, axis=-1), high=4095.0)
    grey = raw(picture(1))
    assert without_colour(deep) is deep
    assert without_colour(grey) is grey
