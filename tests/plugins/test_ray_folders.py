"""Whether a node sees the driver's files."""

import os

import pytest

from automedimg_ray.folders import Marks, unseen
from tests.plugins.ray_parts import write_data


@pytest.fixture
def context(tmp_path):
    return write_data(tmp_path / "run")


def test_the_same_files_are_seen_and_nothing_is_left(context, tmp_path):
    before = {path.name for path in (tmp_path / "run").iterdir()}
    marks = Marks(context)
    assert unseen(marks.to_json(), 0) == []
    marks.remove()
    marks.remove()
    assert {path.name for path in (tmp_path / "run").iterdir()} == before | {"features"}
    assert not list((tmp_path / "run" / "features").iterdir())


def test_a_folder_of_the_same_name_is_not_the_same_folder(context, tmp_path):
    marks = Marks(context)
    for path in (tmp_path / "run").glob(".seen_*"):
        path.write_text("another machine's")
    assert unseen(marks.to_json(), 0) == [f"`{tmp_path / 'run'}`"]


def test_pixels_that_differ_are_named(context, tmp_path):
    marks = Marks(context)
    (tmp_path / "run" / "images.npy").write_bytes(b"another machine's")
    assert unseen(marks.to_json(), 0) == [f"`{tmp_path / 'run' / 'images.npy'}`"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written_to_is_named(context, tmp_path):
    marks = Marks(context)
    (tmp_path / "run" / "features").chmod(0o500)
    assert "can't write" in unseen(marks.to_json(), 0)[0]


def test_files_may_take_their_time(context, tmp_path):
    import threading

    marks = Marks(context)
    (path,) = (tmp_path / "run").glob(".seen_*")
    word = path.read_text()
    path.unlink()
    threading.Timer(0.3, path.write_text, (word,)).start()
    assert unseen(marks.to_json(), 10) == []
