from io import BytesIO

import pytest
from PIL import Image

import automedimg_tasks
from automedimg.contracts import Record
from automedimg_tasks.adrenal import Adrenal, write_slices


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_slices(folder, num_patients=12, seed=2)
    return folder


def test_spec_describes_the_task():
    (spec,) = (s for s in automedimg_tasks.automedimg_datasets() if s.name == "adrenal")
    assert spec.classes == ("normal", "ACC")
    assert spec.positive == "ACC"
    assert (spec.test_fraction, spec.validation_fraction) == (0.20, 0.16)
    assert "not public" in spec.download
    assert spec.kaggle is None
    assert isinstance(spec.factory(), Adrenal)


@pytest.mark.parametrize("home", ["", "data", "a/b/c"])
@pytest.mark.parametrize("names", [("normal", "ACC"), ("Normal", "acc")])
def test_locate_finds_both_folders(tmp_path, home, names):
    touch(tmp_path, *(f"{home or '.'}/{name}/1.jpg" for name in names))
    assert Adrenal().locate(tmp_path) == tmp_path / home


@pytest.mark.parametrize("names", [(), ("normal/1.jpg",), ("normal/1.jpg", "adenoma/1.jpg")])
def test_locate_wants_both_folders(tmp_path, names):
    touch(tmp_path, *names)
    assert Adrenal().locate(tmp_path) is None


def test_every_kind_of_file_is_listed_normal_first(tmp_path):
    touch(tmp_path, "ACC/b.BMP", "ACC/a.jpeg", "normal/2.png", "normal/10.jpg", "ACC/notes.txt")
    assert list(Adrenal().records(tmp_path)) == [
        Record("normal/2.png", "normal"),
        Record("normal/10.jpg", "normal"),
        Record("ACC/a.jpeg", "ACC"),
        Record("ACC/b.BMP", "ACC"),
    ]


def test_real_files_have_no_patients_whatever_their_names(tmp_path):
    touch(tmp_path, "normal/p012_s3.png", "ACC/p013_s1.jpg")
    assert {r.group for r in Adrenal().records(tmp_path)} == {None}


def test_sample_has_patients_of_one_class_each(sample):
    records = list(Adrenal().records(Adrenal().locate(sample)))
    pairs = {(r.group, r.label) for r in records if r.group}
    assert len(pairs) == len({group for group, _ in pairs}) == 12
    assert {label for _, label in pairs} == {"normal", "ACC"}


def test_sample_has_copies_and_one_damaged_file(sample):
    damaged, seen, same = [], {}, 0
    for record in Adrenal().records(sample):
        content = (sample / record.path).read_bytes()
        same += content in seen.values()
        seen[record.path] = content
        try:
            Image.open(BytesIO(content)).load()
        except OSError:
            damaged.append(record.path)
    assert damaged == ["normal/damaged.jpg"]
    assert same == 2
    assert sum("copy" in path for path in seen) == 4


def test_file_kinds_do_not_tell_the_class(sample):
    suffixes = {label: set() for label in ("normal", "ACC")}
    for record in Adrenal().records(sample):
        suffixes[record.label].add(record.path.rpartition(".")[2])
    assert suffixes["normal"] == suffixes["ACC"] == {"jpeg", "jpg", "bmp", "png"}


def test_sample_is_the_same_for_the_same_seed(sample, tmp_path):
    def contents(folder):
        files = (p for p in folder.rglob("*") if p.is_file())
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}

    again, other = tmp_path / "again", tmp_path / "other"
    again.mkdir()
    other.mkdir()
    write_slices(again, num_patients=12, seed=2)
    write_slices(other, num_patients=4, seed=7)
    assert contents(again) == contents(sample)
    assert contents(other) != contents(sample)
