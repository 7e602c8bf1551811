import numpy as np
import pytest

from automedimg_tasks.phantom import draw_slices, random_patient
from automedimg_tasks.phantom_parts import Tumour, push_aside, random_tumour


@pytest.fixture(scope="module")
def slices():
    return list(draw_slices(10, seed=3))


def test_slices_are_grey_planes_in_range(slices):
    for drawn in slices:
        assert drawn.pixels.dtype == np.float32
        assert drawn.pixels.ndim == 2
        assert all(160 <= side <= 280 for side in drawn.pixels.shape)
        assert np.isfinite(drawn.pixels).all()
        assert drawn.pixels.min() >= 0
        assert drawn.pixels.max() <= 1


def test_every_patient_has_two_to_four_slices_of_one_label(slices):
    for number in range(10):
        own = [drawn for drawn in slices if drawn.patient == number]
        assert 2 <= len(own) <= 4
        assert [drawn.number for drawn in own] == list(range(1, len(own) + 1))
        assert len({drawn.positive for drawn in own}) == 1
        assert len({drawn.pixels.shape for drawn in own}) == 1


def test_half_of_the_patients_are_positive(slices):
    assert len({drawn.patient for drawn in slices if drawn.positive}) == 5


def test_same_seed_draws_the_same_and_more_patients_change_nothing(slices):
    for first, again in zip(slices, draw_slices(4, seed=3), strict=False):
        np.testing.assert_array_equal(first.pixels, again.pixels)


def test_another_seed_draws_something_else(slices):
    other = next(iter(draw_slices(1, seed=4)))
    assert not np.array_equal(other.pixels, slices[0].pixels)


def test_background_is_dark_and_head_is_not(slices):
    for drawn in slices:
        height, width = drawn.pixels.shape
        middle = drawn.pixels[height // 4 : -height // 4, width // 4 : -width // 4]
        assert np.median(drawn.pixels[:8, :8]) < 0.25
        assert middle.mean() > 2 * np.median(drawn.pixels[:8, :8])


def test_patients_are_no_near_copies_of_each_other(slices):
    def thumbnail(pixels):
        rows = np.linspace(0, pixels.shape[0] - 1, 48).astype(int)
        columns = np.linspace(0, pixels.shape[1] - 1, 48).astype(int)
        return pixels[np.ix_(rows, columns)].ravel()

    firsts = np.array([thumbnail(drawn.pixels) for drawn in slices if drawn.number == 1])
    correlation = np.corrcoef(firsts) - np.eye(len(firsts))
    assert correlation.max() < 0.95


def test_only_positive_patients_have_a_tumour():
    rng = np.random.default_rng(0)
    assert random_patient(rng, positive=False).tumour is None
    assert random_patient(rng, positive=True).tumour is not None


def test_tumours_cover_all_kinds_and_sizes():
    rng = np.random.default_rng(0)
    tumours = [random_tumour(rng, bright_oedema=True) for _ in range(200)]
    assert {tumour.kind for tumour in tumours} == {"solid", "ring", "diffuse", "isointense"}
    assert min(tumour.radius for tumour in tumours) < 0.1
    assert max(tumour.radius for tumour in tumours) > 0.3
    assert any(abs(tumour.contrast) < 0.1 for tumour in tumours)


def test_a_tumour_pushes_its_surroundings_away_and_leaves_the_rest():
    tumour = Tumour("solid", 0.2, 0.0, 0.1, 0.1, 0.3, 0.0, 0.4, np.zeros((3, 2)))
    x = np.array([[0.2, 0.3, -0.9]], dtype=np.float32)
    moved_x, moved_y = push_aside(x, np.zeros_like(x), tumour, growth=1.0)
    assert moved_x[0, 0] == pytest.approx(0.2)
    assert 0.2 < moved_x[0, 1] < 0.3
    assert moved_x[0, 2] == pytest.approx(-0.9, abs=1e-4)
    assert np.all(moved_y == 0)
