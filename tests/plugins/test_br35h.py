import subprocess
import sys

import pytest
from PIL import Image

import automedimg_tasks
from automedimg_tasks.br35h import MARKER, Br35H, write_phantoms


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_phantoms(folder, num_patients=8, seed=5)
    return folder


@pytest.fixture
def spec():
    (found,) = (s for s in automedimg_tasks.automedimg_datasets() if s.name == "br35h")
    return found


# What is listed


def test_spec_describes_the_task(spec):
    assert spec.positive == "yes"
    assert spec.expected_counts == {"no": 1500, "yes": 1500}
    assert spec.kaggle == "ahmedhamada0/brain-tumor-detection"
    assert spec.source.url.endswith(spec.kaggle)
    assert isinstance(spec.factory(), Br35H)


def test_listing_imports_nothing_heavy():
    # The contracts themselves may import numpy; the plugin adds nothing to that.
    code = (
        "import sys, automedimg.contracts; before = set(sys.modules)\n"
        "import automedimg_tasks; list(automedimg_tasks.automedimg_datasets())\n"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))\n"
        "sys.exit(any(m in sys.modules for m in ('PIL', 'scipy', 'keras')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["automedimg_tasks"]), done.stderr


# Where it is found


@pytest.mark.parametrize("home", ["", "archive", "a/b", "a/b/c"])
@pytest.mark.parametrize("names", [("yes", "no"), ("Yes", "NO")])
def test_locate_finds_the_folder_or_a_parent(tmp_path, home, names):
    touch(tmp_path, *(f"{home or '.'}/{name}/1.jpg" for name in names))
    assert Br35H().locate(tmp_path) == tmp_path / home


def test_locate_gives_up_below_three_levels(tmp_path):
    touch(tmp_path, "a/b/c/d/yes/1.jpg", "a/b/c/d/no/1.jpg")
    assert Br35H().locate(tmp_path) is None


@pytest.mark.parametrize("names", [(), ("yes/1.jpg",), ("no/1.jpg", "maybe/1.jpg"), ("yes", "no")])
def test_locate_wants_both_folders(tmp_path, names):
    touch(tmp_path, *names)
    assert Br35H().locate(tmp_path) is None


def test_locate_prefers_the_shallowest_then_the_first_by_name(tmp_path):
    touch(tmp_path, *(f"{home}/{c}/1.jpg" for home in ("a/x", "c", "b") for c in ("yes", "no")))
    assert Br35H().locate(tmp_path) == tmp_path / "b"


@pytest.mark.parametrize("decoy", ["pred", "Br35H-Mask-RCNN", "__MACOSX", ".cache"])
def test_locate_skips_the_rest_of_the_archive(tmp_path, decoy):
    touch(tmp_path, f"{decoy}/yes/1.jpg", f"{decoy}/no/1.jpg")
    assert Br35H().locate(tmp_path) is None
    touch(tmp_path, "zz/yes/1.jpg", "zz/no/1.jpg")
    assert Br35H().locate(tmp_path) == tmp_path / "zz"


# What is listed from a folder


def test_records_are_in_natural_order_with_labels_from_the_folder(tmp_path):
    touch(tmp_path, "yes/y10.jpg", "yes/y2.jpg", "No/no 1.PNG", "No/sub/é 3.tiff", "yes/Y2b.bmp")
    found = [(r.path, r.label, r.group) for r in Br35H().records(tmp_path)]
    assert found == [
        ("No/no 1.PNG", "no", None),
        ("No/sub/é 3.tiff", "no", None),
        ("yes/y2.jpg", "yes", None),
        ("yes/Y2b.bmp", "yes", None),
        ("yes/y10.jpg", "yes", None),
    ]


def test_stray_files_are_ignored(tmp_path):
    touch(tmp_path, "yes/1.jpg", "no/1.jpeg", "yes/Thumbs.db", "no/.DS_Store", "no/._1.jpg")
    touch(tmp_path, "yes/notes.txt", "pred/2.jpg", "3.jpg", "no/.thumbs/4.jpg", "no/5.jpg/6.txt")
    assert [r.path for r in Br35H().records(tmp_path)] == ["no/1.jpeg", "yes/1.jpg"]


def test_patient_names_count_only_in_a_marked_sample(tmp_path):
    touch(tmp_path, "yes/p012_s3.png", "yes/y1.jpg", "no/p3_s1.png", "no/p004_s1_copy.png")
    assert {r.group for r in Br35H().records(tmp_path)} == {None}
    touch(tmp_path, MARKER)
    groups = {r.path: r.group for r in Br35H().records(tmp_path)}
    assert groups.pop("yes/p012_s3.png") == "p012"
    assert set(groups.values()) == {None}


# The synthetic stand-in


def test_sample_has_the_layout(sample):
    assert Br35H().locate(sample) == sample
    records = list(Br35H().records(sample))
    assert {r.label for r in records} == {"no", "yes"}
    labels_of = {r.group: set() for r in records if r.group}
    for record in records:
        if record.group:
            labels_of[record.group].add(record.label)
    assert len(labels_of) == 8
    assert all(len(labels) == 1 for labels in labels_of.values())


def test_sample_says_that_it_is_synthetic(sample):
    assert "SYNTHETIC" in (sample / MARKER).read_text(encoding="utf-8")
    for record in Br35H().records(sample):
        with Image.open(sample / record.path) as image:
            note = image.info.get("Comment") or image.info["comment"].decode()
        assert note.startswith("SYNTHETIC")


def test_sample_has_every_mode(sample):
    kinds = set()
    for record in Br35H().records(sample):
        with Image.open(sample / record.path) as image:
            kinds.add((image.format, image.mode))
    assert {("JPEG", "L"), ("JPEG", "RGB"), ("PNG", "L"), ("PNG", "RGB")} < kinds
    assert {("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16")} < kinds


def test_sample_has_copies_without_a_patient(sample):
    records = {r.path: r for r in Br35H().records(sample)}
    (exact,) = (path for path in records if "(1)" in path)
    original = exact.replace(" (1)", "")
    assert (sample / exact).read_bytes() == (sample / original).read_bytes()
    assert records[exact].group is records[original].group is None


def test_sample_has_one_damaged_file(sample):
    damaged = []
    for record in Br35H().records(sample):
        try:
            with Image.open(sample / record.path) as image:
                image.load()
        except OSError:
            damaged.append(record.path)
    assert len(damaged) == 1
    assert damaged[0].endswith("_damaged.jpg")


def test_sample_is_the_same_for_the_same_seed(sample, tmp_path):
    def contents(folder):
        files = (p for p in folder.rglob("*") if p.is_file())
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}

    again, other = tmp_path / "again", tmp_path / "other"
    again.mkdir()
    other.mkdir()
    write_phantoms(again, num_patients=8, seed=5)
    write_phantoms(other, num_patients=8, seed=6)
    assert contents(again) == contents(sample)
    assert contents(other) != contents(sample)


def test_write_sample_passes_its_seed_on(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr("automedimg_tasks.br35h.write_phantoms", lambda _, **kw: asked.update(kw))
    Br35H().write_sample(tmp_path, seed=9)
    assert asked == {"num_patients": 96, "seed": 9}
