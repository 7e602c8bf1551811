"""The copy finder on synthetic pictures."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from automedimg.data.copy_turns import turn
from automedimg.data.duplicates import CopyFinder, Symmetries, connected_groups, find_copies
from automedimg.data.similarity import broad_detail_of, detail_correlation, detail_of, fineness

Thumbs = npt.NDArray[np.uint8]


def pictures(num: int, seed: int = 0, sigma: float = 1.5) -> npt.NDArray[np.float64]:
    """Random smooth pictures under one shared outline, as heads have; values near 60..190."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.normal(size=(num, 64, 64)), (0, sigma, sigma))
    rows, columns = np.mgrid[-1:1:64j, -1:1:64j]
    outline = 60.0 * (rows**2 + columns**2 < 0.8)
    values: npt.NDArray[np.float64] = 95 + outline + 12 * noise / noise.std()
    return values


def grey(values: npt.NDArray[np.float64]) -> Thumbs:
    return values.round().clip(0, 255).astype(np.uint8)


def one_pair(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> bool:
    """Whether a copy is found, and nothing else, among other pictures."""
    others = pictures(6, seed=99)
    pairs = find_copies(grey(np.stack([first, *others, second])))
    return np.array_equal(pairs, [[0, 7]])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    scale=st.floats(0.5, 1.6),
    shift=st.floats(-40, 40),
    seed=st.integers(0, 10**6),
)
def test_contrast_and_brightness_do_not_hide_a_copy(scale: float, shift: float, seed: int) -> None:
    original = pictures(1, seed)[0]
    assert one_pair(original, (original - 120) * scale + 120 + shift)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(power=st.floats(0.5, 1.8), seed=st.integers(0, 10**6))
def test_gamma_does_not_hide_a_copy(power: float, seed: int) -> None:
    original = pictures(1, seed)[0]
    assert one_pair(original, 255 * (original / 255) ** power)


def test_saturation_does_not_hide_a_copy() -> None:
    original = pictures(1, 3)[0]
    clipped = (original + 105).clip(0, 255)
    assert (clipped == 255).mean() > 0.2
    assert one_pair(original, clipped)


def test_resizing_and_noise_do_not_hide_a_copy() -> None:
    original = pictures(1, 4)[0]
    small = zoom(zoom(original, 0.75, order=1), 64 / 48, order=1)
    assert one_pair(original, small + np.random.default_rng(0).normal(0, 2, (64, 64)))


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.5])
def test_distinct_pictures_are_not_merged(sigma: float) -> None:
    assert len(find_copies(grey(pictures(150, 5, sigma)))) == 0


def test_distinct_pictures_with_much_alike_are_not_merged() -> None:
    # A third of the variance in common: anatomy and nothing more.
    shared = pictures(1, 6)[0]
    assert len(find_copies(grey(shared + 1.4 * (pictures(40, 7) - 110)))) == 0


@pytest.mark.parametrize("rows", [1, -1])
@pytest.mark.parametrize("columns", [1, -1])
@pytest.mark.parametrize("transposed", [False, True])
def test_turned_copies_are_found_where_asked_for(rows: int, columns: int, transposed: bool) -> None:
    original = pictures(1, 8)[0]
    turned = original[::rows, ::columns]
    turned = turned.T if transposed else turned
    thumbs = grey(np.stack([original, 0.8 * turned + 20]))
    is_same = rows == columns == 1 and not transposed
    wanted: dict[Symmetries, bool] = {"none": is_same, "flips": not transposed, "all": True}
    for symmetries, found in wanted.items():
        assert len(find_copies(thumbs, symmetries=symmetries)) == found, symmetries


def cropped(picture: npt.NDArray[np.float64], sides: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Cut shares off top, bottom, left and right of a picture of any size; stretch to 64 x 64."""
    cut = [round(share * picture.shape[0]) for share in sides]
    rows, columns = picture.shape[0] - cut[0] - cut[1], picture.shape[1] - cut[2] - cut[3]
    inner = picture[cut[0] : cut[0] + rows, cut[2] : cut[2] + columns]
    return zoom(inner, (64 / rows, 64 / columns), order=1, grid_mode=True, mode="nearest")


CROPS = [(0.1, 0.0, 0.1, 0.0), (0.0, 0.07, 0.1, 0.1), (0.05, 0.05, 0.05, 0.05), (0, 0, 0, 0.1)]


@pytest.mark.parametrize("sides", CROPS)
@pytest.mark.parametrize("number", [0, 3, 6])
def test_crops_are_found_however_they_lie(sides: tuple[float, ...], number: int) -> None:
    rng = np.random.default_rng(number)
    noise = gaussian_filter(rng.normal(size=(12, 256, 256)), (0, 6, 6))
    large = 120 + 25 * noise / noise.std()
    crops = [0.8 * turn(cropped(picture, sides), number) + 10 for picture in large]
    thumbs = grey(np.stack([*(cropped(picture, (0, 0, 0, 0)) for picture in large), *crops]))
    pairs = find_copies(thumbs, symmetries="all")
    assert pairs.tolist() == [[i, i + 12] for i in range(12)]
    assert bool(len(find_copies(thumbs, symmetries="flips"))) == (number < 4)


def small_files(num: int, seed: int, side: int = 28) -> npt.NDArray[np.float64]:
    """Pictures of few pixels with more power in broad structure, as films have."""
    noise = np.random.default_rng(seed).normal(size=(num, side, side))
    width = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    width[0, 0] = 1 / side
    films: npt.NDArray[np.float64] = np.fft.ifft2(np.fft.fft2(noise) / width**1.5).real
    films -= films.mean(axis=(1, 2), keepdims=True)
    return 128 + films * (30 / films.std(axis=(1, 2), keepdims=True))


def resized(picture: Thumbs, side: int) -> Thumbs:
    how = Image.Resampling.BICUBIC if side > len(picture) else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture).resize((side, side), how))


def saved_as_jpeg(picture: Thumbs, quality: int) -> Thumbs:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("change", ["jpeg", "halved"])
def test_small_files_are_known_by_broad_structure(change: str) -> None:
    films = grey(small_files(40, 0))
    changed = [saved_as_jpeg(f, 30) if change == "jpeg" else resized(f, 14) for f in films]
    thumbs = np.stack([resized(film, 64) for film in [*films, *changed]])
    detail = detail_of(thumbs)
    assert detail_correlation(detail[:40], detail[40:]).max() < 0.66
    pairs = find_copies(thumbs)
    assert len(pairs) >= 28
    assert (pairs[:, 1] - pairs[:, 0] == 40).all()


def almost_alike(num: int) -> Thumbs:
    """Strangers of 14 pixels that have most of what is left of them in common."""
    shared = small_files(1, 7) - 128
    films = grey(128 + 0.9 * shared + 0.65 * (small_files(num, 8) - 128))
    return np.stack([resized(resized(film, 14), 64) for film in films])


def test_the_less_detail_there_is_the_more_of_it_must_agree() -> None:
    thumbs = almost_alike(40)
    detail = detail_of(thumbs)
    first, second = np.triu_indices(40, 1)
    assert np.median(detail_correlation(detail[first], detail[second])) > 0.66
    assert len(find_copies(thumbs)) == 0


def test_crops_of_small_files_must_agree_in_more_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbs = almost_alike(40)
    crops = [resized(resized(thumb[2:-2, 2:-2], 14), 64) for thumb in thumbs]
    thumbs = np.stack([*thumbs[:20], *crops[20:]])
    assert len(find_copies(thumbs)) == 0
    # They are looked at closely, and fit: only their few details speak against them.
    monkeypatch.setattr("automedimg.data.copy_confirm._DEMANDED", (0.0,) * 4)
    monkeypatch.setattr("automedimg.data.copy_confirm._BROAD_LEAST", 1.1)
    assert len(find_copies(thumbs, min_correlation=1.0)) > 0


def test_fine_details_need_no_broad_structure() -> None:
    first, second = small_files(2, 30, 64) - 128
    thumbs = grey(128 + np.stack([first, 0.78 * first + 0.62 * second]))
    detail, broad = detail_of(thumbs), broad_detail_of(thumbs)
    assert 0.67 < detail_correlation(detail[:1], detail[1:])[0] < 0.78
    assert detail_correlation(broad[:1], broad[1:])[0] < 0.9
    assert len(find_copies(thumbs)) == 1


def test_fineness_tells_how_many_pixels_a_file_had() -> None:
    noise = np.random.default_rng(0).normal(size=(3, 64, 64))
    np.testing.assert_allclose(fineness(noise), 2.0, atol=0.1)
    assert fineness(np.zeros((2, 64, 64))).tolist() == [0.0, 0.0]
    large = grey(small_files(20, 1, 128))
    seen = [
        fineness(detail_of(np.stack([resized(resized(film, side), 64) for film in large])))
        for side in (128, 40, 28, 14)
    ]
    for finer, coarser in pairwise(seen):
        assert finer.min() > coarser.max()


def test_flat_areas_leave_fineness_as_it_is() -> None:
    whole = pictures(5, 31)
    half = whole.copy()
    half[:, 32:] = 20
    before, after = fineness(detail_of(grey(whole))), fineness(detail_of(grey(half)))
    np.testing.assert_allclose(before, after, rtol=0.15)


def test_blank_patches_with_a_speck_are_not_merged() -> None:
    rng = np.random.default_rng(0)
    thumbs = np.full((60, 64, 64), 235.0) + rng.normal(0, 0.6, (60, 64, 64))
    for picture, (row, column) in zip(thumbs, rng.integers(8, 50, (60, 2)), strict=True):
        picture[row : row + 4, column : column + 3] -= 60
    assert len(find_copies(grey(thumbs), symmetries="all")) == 0


def test_a_crowd_of_alike_pictures_is_one_group() -> None:
    rng = np.random.default_rng(0)
    crowd = pictures(1, 20) + rng.normal(0, 2, (80, 64, 64))
    thumbs = grey(np.concatenate([pictures(20, 21), crowd]))
    groups = connected_groups(100, find_copies(thumbs))
    assert len(set(groups[:20].tolist())) == 20
    assert len(set(groups[20:].tolist())) == 1
    assert not set(groups[:20].tolist()) & set(groups[20:].tolist())


def test_progress_reaches_the_number_of_pictures() -> None:
    told: list[int] = []
    find_copies(grey(pictures(5)), progress=told.append)
    assert told[-1] == 5


def test_equal_pictures_are_paired_with_the_first_of_them() -> None:
    first, second = grey(pictures(2, 9))
    pairs = find_copies(np.stack([first, second, first, second, first]))
    assert pairs.dtype == np.int64
    assert pairs.tolist() == [[0, 2], [0, 4], [1, 3]]


def test_equal_pictures_with_too_little_detail_to_compare_are_paired() -> None:
    dot = np.zeros((64, 64), np.uint8)
    dot[30:33, 30:33] = 200
    assert find_copies(np.stack([dot, dot])).tolist() == [[0, 1]]
    moved = np.roll(dot, 20, axis=0)
    assert len(find_copies(np.stack([dot, moved]))) == 0


def test_blank_pictures_are_never_paired() -> None:
    rng = np.random.default_rng(0)
    equal = np.full((3, 64, 64), 128, np.uint8)
    faint = rng.integers(100, 103, (20, 64, 64), dtype=np.uint8)
    noisy = grey(rng.normal(120, 6, (20, 64, 64)))
    assert len(find_copies(np.concatenate([equal, faint, faint, noisy]))) == 0


def test_pairs_are_sorted_and_do_not_depend_on_how_pictures_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = pictures(40, 10)
    thumbs = grey(np.concatenate([base, 0.7 * base + 30, base[:, :, ::-1]]))
    reference = find_copies(thumbs)
    assert len(np.unique(reference)) == 120
    assert (reference[:, 0] < reference[:, 1]).all()
    assert reference.tolist() == sorted(reference.tolist())
    monkeypatch.setattr("automedimg.data.duplicates.EXHAUSTIVE", 0)
    np.testing.assert_array_equal(find_copies(thumbs), reference)


@pytest.mark.parametrize("held", [0, 8192], ids=["details made anew", "details held"])
def test_a_second_search_among_the_same_pictures_finds_what_a_new_one_does(
    monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    base = pictures(30, 17)
    crops = zoom(base[:, 4:60, 3:61], (1, 64 / 56, 64 / 58), order=1)
    thumbs = grey(np.concatenate([base, base[:, ::-1], base.swapaxes(1, 2), crops]))
    wanted: tuple[Symmetries, ...] = ("all", "none", "flips")
    reference = [find_copies(thumbs, symmetries=symmetries) for symmetries in wanted]
    assert len({len(pairs) for pairs in reference}) == 3
    monkeypatch.setattr("automedimg.data.copy_survey.EXHAUSTIVE", held)
    told: list[int] = []
    finder = CopyFinder(thumbs, told.append)
    for symmetries, pairs in zip(wanted, reference, strict=True):
        np.testing.assert_array_equal(finder.pairs(symmetries), pairs)
    assert told.count(len(thumbs)) == (1 if held else 3)


def test_pairs_name_the_pictures_of_the_input() -> None:
    blank = np.zeros((64, 64))
    first, second = pictures(2, 11)
    stack = [blank, first, first, blank, second, 0.7 * second + 20]
    assert find_copies(grey(np.stack(stack))).tolist() == [[1, 2], [4, 5]]


def test_flat_regions_have_no_detail() -> None:
    picture = pictures(1, 12)
    picture[:, :, 32:] = 255
    picture[:, ::2, 50:] = 254.4  # rounds to 254: one grey level of ripple is not structure
    detail = detail_of(grey(picture))
    assert (detail[:, :, 44:] == 0).all()
    assert (detail[:, :, :24] != 0).mean() > 0.95


def test_pixels_that_only_one_picture_has_do_not_count() -> None:
    detail = detail_of(grey(pictures(3, 13)))
    half = detail.copy()
    half[:, 32:] = 0
    np.testing.assert_allclose(detail_correlation(detail, half), 1.0, atol=1e-3)
    np.testing.assert_allclose(detail_correlation(half, detail), 1.0, atol=1e-3)


def test_a_few_shared_pixels_are_no_evidence() -> None:
    detail = detail_of(grey(pictures(3, 14)))
    corner = detail.copy()
    corner[:, 10:] = 0
    assert detail_correlation(detail, corner).tolist() == [0.0] * 3
    tiny = corner.copy()
    tiny[:, :, 15:] = 0
    assert detail_correlation(tiny, tiny).tolist() == [0.0] * 3


@pytest.mark.parametrize("num", [0, 1])
def test_nothing_to_compare(num: int) -> None:
    pairs = find_copies(grey(pictures(1))[:num])
    assert pairs.shape == (0, 2)
    assert pairs.dtype == np.int64


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        find_copies(np.zeros((2, 32, 32), np.uint8))
    with pytest.raises(ValueError, match="expected uint8"):
        find_copies(np.zeros((2, 64, 64), np.float32))
    with pytest.raises(ValueError, match="symmetries"):
        find_copies(np.zeros((2, 64, 64), np.uint8), symmetries="some")  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_groups_agree_with_a_walk_along_the_pairs(data: st.DataObject) -> None:
    num = data.draw(st.integers(1, 12))
    item = st.integers(0, num - 1)
    pairs = data.draw(st.lists(st.tuples(item, item), max_size=15))
    groups = connected_groups(num, np.array(pairs, np.int64).reshape(-1, 2))
    expected = list(range(num))  # the smallest item within reach
    for _ in range(num):
        for i, j in pairs:
            expected[i] = expected[j] = min(expected[i], expected[j])
    order = sorted(set(expected))
    assert groups.tolist() == [order.index(e) for e in expected]
    assert groups.dtype == np.int64


def test_no_items_make_no_groups() -> None:
    assert connected_groups(0, np.empty((0, 2), np.int64)).shape == (0,)
