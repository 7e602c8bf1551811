import numpy as np
import pytest
from PIL import Image

from automedimg.data.decoding import Formed, Wanted, form_all
from automedimg.data.duplicates import find_copies
from automedimg.testing.images import broken_files, class_folders, noise_image, write_image


def read(path):
    (formed,) = form_all([(path, "")], Wanted(64, 1))
    return formed


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_noise_image_has_the_mode_and_size_asked_for(mode):
    image = noise_image(40, 3, mode)
    assert (image.mode, image.size) == (mode, (40, 40))
    assert np.array_equal(np.asarray(image), np.asarray(noise_image(40, 3, mode)))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "a.pgm", "a.gif"])
def test_written_images_are_readable(tmp_path, name):
    assert read(write_image(tmp_path / name)).thumbnail.std() > 10


@pytest.mark.parametrize("size", [28, 64, 200])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_class_folders_hold_no_copies(tmp_path, size, suffix):
    paths = class_folders(tmp_path, {"no": 60, "yes": 40}, size=size, suffix=suffix)
    thumbnails = np.stack([read(path).thumbnail for path in paths])
    assert len(paths) == 100
    assert {path.parent.name for path in paths} == {"no", "yes"}
    assert len(find_copies(thumbnails, symmetries="all")) == 0


def test_class_folders_repeat_with_the_seed(tmp_path):
    first = class_folders(tmp_path / "a", {"x": 2}, seed=1)
    again = class_folders(tmp_path / "b", {"x": 2}, seed=1)
    other = class_folders(tmp_path / "c", {"x": 2}, seed=2)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert first[0].read_bytes() != other[0].read_bytes()


def test_broken_files_are_small_and_can_not_be_decoded(tmp_path):
    files = broken_files(tmp_path / "new")
    assert {"empty.jpg", "truncated.jpg", "text.jpg", "random.png", "bomb.png"} <= set(files)
    for name, path in files.items():
        assert path.stat().st_size < 20_000, name
        assert not isinstance(read(path), Formed), name


def test_the_bomb_is_one(tmp_path):
    bomb = broken_files(tmp_path)["bomb.png"]
    assert bomb.stat().st_size < 200
    with pytest.raises(Image.DecompressionBombError):
        Image.open(bomb)
