import gzip
import os

import h5py
import numpy as np
import pytest
from PIL import Image

import automedimg_tasks
from automedimg.contracts import Record, SetAside
from automedimg.errors import DataError
from automedimg_tasks.pcam import PCam
from automedimg_tasks.pcam_hdf5 import file_name
from automedimg_tasks.pcam_samples import write_hdf5, write_kaggle


def kaggle(root, labels="id,label\nb,1\na,0\n", files=("a", "b")):
    (root / "train").mkdir(parents=True)
    (root / "train_labels.csv").write_bytes(labels.encode() if isinstance(labels, str) else labels)
    for name in files:
        (root / "train" / f"{name}.tif").write_bytes(b"x")
    return root


def hdf5(root, split="train", labels=(0, 1), slides=("s1", "s2"), shape=(2, 96, 96, 3)):
    with h5py.File(root / file_name(split, "x.h5"), "w") as file:
        file.create_dataset("x", data=np.zeros(shape, np.uint8))
    with h5py.File(root / file_name(split, "y.h5"), "w") as file:
        file.create_dataset("y", data=np.asarray(labels, np.uint8).reshape(-1, 1, 1, 1))
    rows = "".join(f"{n},0,0,True,True,{slide}\n" for n, slide in enumerate(slides))
    text = ",coord_y,coord_x,tumor_patch,center_tumor_patch,wsi\n" + rows
    (root / file_name(split, "meta.csv")).write_text(text)
    return root


@pytest.fixture
def spec():
    (found,) = (s for s in automedimg_tasks.automedimg_datasets() if s.name == "pcam")
    return found


@pytest.fixture(scope="module")
def kaggle_sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kaggle")
    write_kaggle(folder, num_patches=60, seed=1)
    return folder


@pytest.fixture(scope="module")
def hdf5_sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hdf5")
    write_hdf5(folder, num_patches=120, seed=1)
    return folder


def test_spec_describes_the_task(spec):
    assert spec.classes == ("normal", "tumour")
    assert sum(spec.expected_counts.values()) == 220_025
    assert spec.image_size == 96
    assert isinstance(spec.factory(), PCam)


# Kaggle's layout


@pytest.mark.parametrize("home", ["", "histopathologic-cancer-detection", "a/b/c"])
def test_kaggle_is_located(tmp_path, home):
    kaggle(tmp_path / home)
    assert PCam().locate(tmp_path) == tmp_path / home


def test_another_table_of_that_name_is_not_taken(tmp_path):
    kaggle(tmp_path, files=())
    (tmp_path / "train" / "a.png").touch()
    assert PCam().locate(tmp_path) is None


def test_kaggle_rows_and_files_are_matched(tmp_path):
    kaggle(tmp_path, "id,label\nc,1\nb,1\na,0\nd,0\ne,2\nd,1\n", files="abdef")
    (tmp_path / "train" / ".DS_Store").touch()
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "z.tif").touch()
    assert list(PCam().records(tmp_path)) == [
        Record("train/a.tif", "normal"),
        Record("train/b.tif", "tumour"),
        SetAside("train/c.tif", "in `train_labels.csv`, but there is no such file"),
        SetAside("train/d.tif", "several labels in `train_labels.csv`: 0, 1"),
        SetAside("train/e.tif", "label `2` in `train_labels.csv`; expected 0 or 1"),
        SetAside("train/f.tif", "no row in `train_labels.csv`"),
    ]


@pytest.mark.parametrize(
    "table", ["id;label\na;0\nb;1\n", "\ufeffid,label\na,0\nb,1\n", "label\tid\n0\ta\n1\tb\n"]
)
def test_kaggle_table_saved_by_a_spreadsheet_is_read(tmp_path, table):
    found = list(PCam().records(kaggle(tmp_path, table)))
    assert found == [Record("train/a.tif", "normal"), Record("train/b.tif", "tumour")]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "empty"),
        ("id,class\na,0\n", "no column `label`; it has `id`, `class`"),
        ("id,label\n", "no rows"),
        (b"id,label\na,0\x00\n", "not a text file"),
    ],
)
def test_damaged_kaggle_table_says_what_is_wrong(tmp_path, table, words):
    with pytest.raises(DataError, match=words) as error:
        list(PCam().records(kaggle(tmp_path, table)))
    assert error.value.hint


def test_kaggle_ids_without_any_file_are_an_error(tmp_path):
    with pytest.raises(DataError, match="none of the 2 ids"):
        list(PCam().records(kaggle(tmp_path, files="xyz")))


def test_kaggle_listing_asks_for_no_single_file(tmp_path, monkeypatch):
    kaggle(tmp_path)
    asked = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda p, *a, **k: asked.append(str(p)) or real(p, *a, **k))
    assert len(list(PCam().records(tmp_path))) == 2
    assert not [path for path in asked if path.endswith(".tif")]


# The first publication's layout


def test_hdf5_records_have_slide_split_and_part(tmp_path, spec):
    root = tmp_path / "pcam"
    root.mkdir()
    for split in ("train", "valid", "test"):
        hdf5(root, split, slides=(f"{split}1", f"{split}2"))
    assert PCam().locate(tmp_path) == root
    found = list(PCam().records(root))
    assert found[:2] == [
        Record(file_name("train", "x.h5"), "normal", "train1", "train", "x/0"),
        Record(file_name("train", "x.h5"), "tumour", "train2", "train", "x/1"),
    ]
    assert [r.split for r in found] == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert PCam().specialise(spec, root).expected_counts == {}


def test_kaggle_keeps_its_counts(tmp_path, spec):
    assert PCam().specialise(spec, kaggle(tmp_path)) == spec


def test_hdf5_comes_before_kaggle_in_one_folder(tmp_path):
    hdf5(kaggle(tmp_path))
    parts = [r.part for r in PCam().records(tmp_path) if isinstance(r, Record)]
    assert parts == ["x/0", "x/1"]


def test_hdf5_missing_files_are_set_aside(tmp_path):
    hdf5(tmp_path, "train")
    hdf5(tmp_path, "valid")
    (tmp_path / file_name("train", "meta.csv")).unlink()
    (tmp_path / file_name("valid", "y.h5")).unlink()
    found = list(PCam().records(tmp_path))
    aside = {each.path: each.reason for each in found if isinstance(each, SetAside)}
    assert set(aside) == {
        file_name("train", "meta.csv"),
        file_name("valid", "x.h5"),
        file_name("test", "x.h5"),
    }
    assert [r.group for r in found if isinstance(r, Record)] == [None, None]


def test_packed_files_are_to_be_unpacked(tmp_path):
    hdf5(tmp_path)
    path = tmp_path / file_name("train", "x.h5")
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert len([r for r in PCam().records(tmp_path) if isinstance(r, Record)]) == 2
    path.unlink()
    assert PCam().locate(tmp_path) == tmp_path
    with pytest.raises(DataError, match="still packed") as error:
        list(PCam().records(tmp_path))
    assert f"gunzip {path.name}.gz" in error.value.hint


def test_packed_file_under_the_name_of_an_unpacked_one(tmp_path):
    hdf5(tmp_path)
    path = tmp_path / file_name("train", "y.h5")
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(DataError, match="still packed with gzip"):
        list(PCam().records(tmp_path))


def test_damaged_hdf5_file(tmp_path):
    hdf5(tmp_path)
    (tmp_path / file_name("train", "x.h5")).write_bytes(b"not hdf5")
    with pytest.raises(DataError, match="damaged or no HDF5 file"):
        list(PCam().records(tmp_path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": (0, 1, 1)}, "2 patches and .* 3 labels"),
        ({"labels": (0, 7)}, "the label 7"),
        ({"slides": ("s1",)}, "1 rows for 2 patches"),
        ({"shape": (2, 96, 96)}, r"shape \(2, 96, 96\); expected \(N, 96, 96, 3\)"),
    ],
)
def test_hdf5_files_that_do_not_fit_together(tmp_path, changes, words):
    with pytest.raises(DataError, match=words):
        list(PCam().records(hdf5(tmp_path, **changes)))


def test_hdf5_without_the_array(tmp_path):
    hdf5(tmp_path)
    with h5py.File(tmp_path / file_name("train", "y.h5"), "w") as file:
        file.create_dataset("labels", data=[0, 1])
    with pytest.raises(DataError, match="no array `y`; it has `labels`"):
        list(PCam().records(tmp_path))


def test_hdf5_table_without_slides(tmp_path):
    hdf5(tmp_path)
    (tmp_path / file_name("train", "meta.csv")).write_text(",slide\n0,a\n1,b\n")
    with pytest.raises(DataError, match="no column `wsi`"):
        list(PCam().records(tmp_path))


# The synthetic stand-ins


def test_kaggle_sample_can_be_read_but_for_its_defects(kaggle_sample):
    root = PCam().locate(kaggle_sample)
    assert root == kaggle_sample
    found = list(PCam().records(root))
    records = [r for r in found if isinstance(r, Record)]
    assert len(found) - len(records) == 2
    assert {r.label for r in records} == {"normal", "tumour"}
    damaged, seen = [], []
    for record in records:
        seen.append((root / record.path).read_bytes())
        try:
            with Image.open(root / record.path) as image:
                assert (image.mode, image.size) == ("RGB", (96, 96))
                image.load()
        except OSError:
            damaged.append(record.path)
    assert len(damaged) == 1
    assert len(seen) - len(set(seen)) == 4
    assert "SYNTHETIC" in (root / "SYNTHETIC.txt").read_text(encoding="utf-8")


def test_hdf5_sample_keeps_slides_in_one_split(hdf5_sample):
    root = PCam().locate(hdf5_sample)
    records = list(PCam().records(root))
    sides = {(r.group, r.split) for r in records}
    assert len(sides) == len({group for group, _ in sides}) == 6
    assert {split for _, split in sides} == {"train", "validation", "test"}
    with h5py.File(root / records[-1].path) as file:
        key, _, index = records[-1].part.partition("/")
        assert file[key][int(index)].shape == (96, 96, 3)
        assert len(file[key]) == int(index) + 1
    assert (root / "SYNTHETIC.txt").is_file()


@pytest.mark.parametrize(("write", "num"), [(write_kaggle, 60), (write_hdf5, 120)])
def test_samples_are_the_same_for_the_same_seed(write, num, tmp_path, kaggle_sample, hdf5_sample):
    def contents(folder):
        files = (p for p in folder.rglob("*") if p.is_file())
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}

    write(tmp_path, num_patches=num, seed=1)
    first = kaggle_sample if write is write_kaggle else hdf5_sample
    assert contents(tmp_path) == contents(first)
