from collections import Counter

import numpy as np
import pytest
from PIL import Image

import automedimg_tasks
from automedimg.contracts import Record
from automedimg_tasks.leukemia import CLASSES, Leukemia, write_smears


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_smears(folder, dict.fromkeys(CLASSES, 4), seed=3)
    return folder


def test_spec_describes_the_task():
    (spec,) = (s for s in automedimg_tasks.automedimg_datasets() if s.name == "leukemia")
    assert sum(spec.expected_counts.values()) == 3256
    assert tuple(spec.expected_counts) == spec.classes == CLASSES
    assert spec.positive is None
    assert (spec.test_fraction, spec.validation_fraction) == (0.15, 0.15)
    assert isinstance(spec.factory(), Leukemia)


# Where it is found


@pytest.mark.parametrize("home", ["", "Original", "archive/Original", "a/b/Original"])
def test_locate_finds_the_four_folders(tmp_path, home):
    touch(tmp_path, *(f"{home or '.'}/{label}/1.jpg" for label in CLASSES))
    assert Leukemia().locate(tmp_path) == tmp_path / home


def test_case_does_not_matter(tmp_path):
    touch(tmp_path, "benign/1.jpg", "EARLY/1.jpg", "pre/1.jpg", "Pro/1.jpg")
    assert Leukemia().locate(tmp_path) == tmp_path
    assert [r.label for r in Leukemia().records(tmp_path)] == list(CLASSES)


def test_segmented_images_are_never_taken(tmp_path):
    touch(tmp_path, *(f"Segmented/{label}/1.jpg" for label in CLASSES))
    assert Leukemia().locate(tmp_path) is None
    touch(tmp_path, *(f"z/Original/{label}/1.jpg" for label in CLASSES))
    assert Leukemia().locate(tmp_path) == tmp_path / "z" / "Original"


@pytest.mark.parametrize("missing", CLASSES)
def test_all_four_classes_are_needed(tmp_path, missing):
    touch(tmp_path, *(f"{label}/1.jpg" for label in CLASSES if label != missing))
    assert Leukemia().locate(tmp_path) is None


# What is listed


def test_stray_folders_and_files_are_no_images_of_a_class(tmp_path):
    touch(tmp_path, *(f"{label}/1.jpg" for label in CLASSES))
    touch(tmp_path, "Normal/1.jpg", "Benign/Thumbs.db", "Pre/.2.jpg", "Pre/.x/3.jpg", "4.jpg")
    found = list(Leukemia().records(tmp_path))
    assert found == [Record(f"{label}/1.jpg", label) for label in CLASSES]


def test_records_are_in_natural_order(tmp_path):
    touch(tmp_path, *(f"{label}/{n}.jpg" for label in CLASSES for n in (10, 9, 100)))
    paths = [r.path for r in Leukemia().records(tmp_path) if r.label == "Pre"]
    assert paths == ["Pre/9.jpg", "Pre/10.jpg", "Pre/100.jpg"]


# The synthetic stand-in


def test_sample_is_located_marked_and_of_every_class(sample):
    root = Leukemia().locate(sample)
    assert root == sample / "Original"
    assert "SYNTHETIC" in (root / "SYNTHETIC.txt").read_text(encoding="utf-8")
    counts = Counter(r.label for r in Leukemia().records(root))
    # Four originals and two copies each; one class has a damaged file beside them.
    assert counts == {"Benign": 6, "Early": 6, "Pre": 6, "Pro": 7}


def test_sample_has_images_like_the_real_ones_and_one_that_is_damaged(sample):
    root = Leukemia().locate(sample)
    damaged = []
    for record in Leukemia().records(root):
        with Image.open(root / record.path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (224, 224))
            try:
                pixels = np.asarray(image)
            except OSError:
                damaged.append(record.path)
            else:
                assert pixels.std() > 5
    assert damaged == ["Pro/WBC-Malignant-Pro-003_damaged.jpg"]


def test_sample_has_an_exact_copy_and_a_near_one(sample):
    home = sample / "Original" / "Pre"
    names = [home / f"WBC-Malignant-Pre-00{n}{end}.jpg" for n in (1, 2) for end in ("", "_copy")]
    exact, exact_copy, near, near_copy = (name.read_bytes() for name in names)
    assert exact == exact_copy
    assert near != near_copy


def test_sample_is_the_same_for_the_same_seed(sample, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    write_smears(again, dict.fromkeys(CLASSES, 4), seed=3)
    write_smears(other, dict.fromkeys(CLASSES, 4), seed=4)
    assert contents(again) == contents(sample)
    assert contents(other) != contents(sample)


@pytest.mark.realdata
def test_real_folder_is_read():
    import os
    from pathlib import Path

    home = Path(os.environ.get("AUTOMEDIMG_TEST_DATA", "/nowhere")) / "leukemia"
    if not home.is_dir():
        pytest.skip(f"no folder {home.name} in $AUTOMEDIMG_TEST_DATA")
    counts = Counter(r.label for r in Leukemia().records(Leukemia().locate(home)))
    assert counts == {"Benign": 217, "Early": 423, "Pre": 414, "Pro": 346}
