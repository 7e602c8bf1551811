"""Which of the generic tasks a folder is taken for: the first whose `locate` finds it."""

import numpy as np
import pytest

from automedimg_tasks import generic

TASKS = {spec.name: spec.factory for spec in generic.SPECS}


def recognise(folder):
    return next((name for name, make in TASKS.items() if make().locate(folder)), None)


def test_the_most_specific_is_tried_first():
    assert list(TASKS) == ["dicom", "npz", "csv", "folder"]
    assert all(spec.generic and not spec.classes for spec in generic.SPECS)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_each_sample_is_recognised(tmp_path, name, wrapped):
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    TASKS[name]().write_sample(home, seed=0)
    found = {n: make().locate(tmp_path if wrapped else home) for n, make in TASKS.items()}
    assert found[name] == home
    assert recognise(tmp_path) == name


def test_dicom_in_class_folders_is_dicom(tmp_path):
    TASKS["dicom"]().write_sample(tmp_path, seed=0)
    (tmp_path / "labels.csv").unlink()
    for number, path in enumerate(sorted((tmp_path / "dicom").iterdir())):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        path.rename(tmp_path / "ab"[number % 2] / path.name)
    (tmp_path / "dicom").rmdir()
    assert TASKS["folder"]().locate(tmp_path) == tmp_path
    assert recognise(tmp_path) == "dicom"


def test_class_folders_with_a_table_of_something_else_are_folders(tmp_path):
    TASKS["folder"]().write_sample(tmp_path, seed=0)
    (tmp_path / "scanners.csv").write_text("file,scanner\nclear/p001_s1.png,a\n")
    (tmp_path / "notes.csv").write_text("\x00\x01")
    np.savez(tmp_path / "features.npz", x=np.zeros((4, 9)), y=np.zeros(4))
    (tmp_path / "one.dcm").write_bytes(b"\0" * 128 + b"DICM")
    assert recognise(tmp_path) == "folder"


def test_a_table_that_labels_images_in_folders_is_a_table(tmp_path):
    TASKS["folder"]().write_sample(tmp_path, seed=0)
    (tmp_path / "labels.csv").write_text("file,label\nclear/p001_s1.png,a\nring/p002_s1.png,b\n")
    assert recognise(tmp_path) == "csv"


def test_an_option_that_several_tasks_have_does_not_make_a_table_of_a_folder(tmp_path):
    TASKS["folder"]().write_sample(tmp_path, seed=0)
    (tmp_path / "scanners.csv").write_text("file,scanner\nclear/p001_s1.png,a\n")
    assert TASKS["csv"](group=r"(p\d+)_").locate(tmp_path) is None
    assert TASKS["csv"](label="scanner").locate(tmp_path) == tmp_path


@pytest.mark.parametrize("kind", ["empty", "text", "one image", "dangling", "unreadable"])
def test_anything_else_is_nothing(tmp_path, kind):
    if kind == "text":
        (tmp_path / "a.csv").write_text("a,b\n1,2\n")
        (tmp_path / "b.npz").write_bytes(b"\x00")
    elif kind == "one image":
        (tmp_path / "a.png").write_bytes(b"x")
    elif kind == "dangling":
        for name in ("a.csv", "b.npz", "c.dcm", "d.png"):
            (tmp_path / name).symlink_to(tmp_path / "gone")
        (tmp_path / "loop").symlink_to(tmp_path)
    elif kind == "unreadable":
        for name in ("a.csv", "b.npz", "c.dcm"):
            (tmp_path / name).mkdir()
    assert recognise(tmp_path) is None
