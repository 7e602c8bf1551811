import os
from collections import Counter
from pathlib import Path

import pytest

from automedimg.contracts import Record, SetAside, pseudonym
from automedimg.errors import AutomedimgError, ConfigurationError, DataError
from automedimg_tasks import generic
from automedimg_tasks.folder import Folder
from automedimg_tasks.tables_classes import choose_classes, parse_label, parse_names

(SPEC,) = (spec for spec in generic.SPECS if spec.name == "folder")


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def listed(root, **options):
    entries = list(Folder(**options).records(root))
    records = [entry for entry in entries if isinstance(entry, Record)]
    return records, [entry for entry in entries if isinstance(entry, SetAside)]


# Where it is found


@pytest.mark.parametrize("home", ["", "archive", "a/b/c"])
def test_the_first_level_that_splits_the_images_is_the_classes(tmp_path, home):
    touch(tmp_path, f"{home or '.'}/A/p1/x/1.png", f"{home or '.'}/B/2.jpg")
    touch(tmp_path, "__MACOSX/C/1.png", ".git/D/1.png")
    root = Folder().locate(tmp_path)
    assert root == tmp_path / home
    assert [(r.path, r.label) for r in listed(root)[0]] == [("A/p1/x/1.png", "A"), ("B/2.jpg", "B")]


@pytest.mark.parametrize(
    "names",
    [(), ("A/1.png",), ("1.png", "2.png"), ("A/1.txt", "B/1.png"), ("images/1.png", "masks/1.png")],
)
def test_fewer_than_two_folders_of_images_are_no_layout(tmp_path, names):
    touch(tmp_path, *names)
    assert Folder().locate(tmp_path) is None


def test_a_folder_for_each_of_many_patients_is_no_layout(tmp_path):
    touch(tmp_path, *(f"patient{number}/1.png" for number in range(101)))
    assert Folder().locate(tmp_path) is None
    assert Folder(classes="patient1,patient2").locate(tmp_path) == tmp_path


# What is listed


def test_every_image_format_in_natural_order_and_nothing_else(tmp_path):
    kinds = ["jpg", "jpeg", "PNG", "bmp", "tif", "TIFF", "pgm", "ppm", "gif", "dcm"]
    touch(tmp_path, *(f"A/{number}.{kind}" for number, kind in enumerate(kinds, 1)))
    touch(tmp_path, "A/._1.png", "A/.x/1.png", "A/Thumbs.db", "A/notes.txt", "A/png", "B/1.png")
    records, aside = listed(tmp_path)
    names = [f"A/{number}.{kind}" for number, kind in enumerate(kinds, 1)]
    assert [r.path for r in records] == [*names, "B/1.png"]
    assert aside == []


def test_images_beside_the_class_folders_are_set_aside(tmp_path):
    touch(tmp_path, "A/1.png", "B/1.png", "stray2.png", "stray10.png", ".hidden.png")
    _, aside = listed(tmp_path)
    assert [entry.path for entry in aside] == ["stray2.png", "stray10.png"]
    assert "none of them" in aside[0].reason


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("Training", "valid", "Testing"), ("TRAIN", "validation", "test")],
)
def test_split_folders_above_the_classes_are_the_publishers(tmp_path, train, validation, test):
    for side in (train, validation, test):
        touch(tmp_path, f"wrap/{side}/A/1.png", f"wrap/{side}/b/1.png")
    root = Folder().locate(tmp_path)
    assert root == tmp_path / "wrap"
    splits = {record.path.split("/")[0]: record.split for record in listed(root)[0]}
    assert splits == {train: "train", validation: "validation", test: "test"}


def test_classes_of_a_split_are_one_whatever_their_case(tmp_path):
    touch(tmp_path, "train/Normal/1.png", "train/SICK/1.png", "test/NORMAL/1.png")
    touch(tmp_path, "test/images/sick/1.png", "test/images/normal/2.png")
    records, _ = listed(tmp_path)
    assert {r.label for r in records if r.split == "train"} == {"Normal", "SICK"}
    touch(tmp_path / "b", "train/Normal/1.png", "train/SICK/1.png", "test/NORMAL/1.png")
    assert {r.label for r in listed(tmp_path / "b")[0]} == {"Normal", "SICK"}


def test_a_test_folder_without_classes_leaves_no_split(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/B/1.png", "test/1.png", "chest/train/A/1.png")
    records, aside = listed(tmp_path)
    assert [r.split for r in records] == [None, None]
    assert [(a.path, a.reason) for a in aside] == [
        ("chest", "1 images beside the folders of the split")
    ]


def test_patients_are_found_by_an_expression_and_hidden(tmp_path):
    touch(tmp_path, "A/p1_1.png", "A/p1_2.png", "A/other.png", "B/p2_1.png")
    records, _ = listed(tmp_path, group=r"(p\d+)_")
    one, two = pseudonym("p1"), pseudonym("p2")
    assert [r.group for r in records] == [None, one, one, two]
    assert "p1" not in one


def test_patients_that_are_nowhere_are_an_error(tmp_path):
    touch(tmp_path, "A/1.png", "B/1.png")
    with pytest.raises(DataError, match=r"`\(p\\d\+\)_` is in none of the paths.*`B/1\.png`"):
        listed(tmp_path, group=r"(p\d+)_")


# What it says of itself


def test_specialise_names_classes_and_split(tmp_path):
    touch(tmp_path, *(f"{s}/{c}/1.png" for s in ("train", "test") for c in ("tumour", "healthy")))
    spec = Folder().specialise(SPEC, tmp_path)
    assert spec.classes == ("healthy", "tumour")
    assert "train / test" in spec.layout


def test_options_choose_and_order_the_classes(tmp_path):
    touch(tmp_path, "A/1.png", "B/1.png", "C/1.png")
    task = Folder(classes="C, A", positive="C")
    assert task.specialise(SPEC, tmp_path).classes == ("A", "C")
    assert {r.label for r in task.records(tmp_path)} == {"A", "C"}
    with pytest.raises(DataError, match=r"no class `D`.*`A`, `B`, `C`"):
        Folder(classes="A,D").specialise(SPEC, tmp_path)


def test_a_single_class_is_an_error_that_says_so(tmp_path):
    touch(tmp_path, "A/1.png", "A/2.png")
    with pytest.raises(DataError, match=r"only one class, `A`"):
        Folder().specialise(SPEC, tmp_path)
    touch(tmp_path, "b/1.png")
    with pytest.raises(DataError, match="only one class, `b`"):
        Folder().specialise(SPEC, tmp_path / "b")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no class"):
        Folder().specialise(SPEC, tmp_path / "empty")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"group": "(p"}, "no regular expression"),
        ({"group": "p"}, "0 groups"),
        ({"group": "(p)(q)"}, "2 groups"),
        ({"classes": "A"}, "two or more"),
        ({"classes": "A,A"}, "two or more"),
    ],
)
def test_options_that_make_no_sense(options, says):
    with pytest.raises(ConfigurationError, match=says):
        Folder(**options)


# Classes from labels


@pytest.mark.parametrize(
    ("found", "ordered"),
    [
        (["10", "2", "-1"], ("-1", "2", "10")),
        (["no", "yes"], ("no", "yes")),
        (["malignant", "normal"], ("normal", "malignant")),
        (["covid", "non-covid"], ("non-covid", "covid")),
        (["Abnormal", "Normal"], ("Normal", "Abnormal")),
        (["grade10", "grade9", "Grade1"], ("Grade1", "grade9", "grade10")),
        (["1", "0"], ("0", "1")),
    ],
)
def test_order_of_classes(found, ordered):
    assert choose_classes(found * 3) == ordered


def test_positive_of_two():
    assert choose_classes(["a", "b"], positive="a") == ("b", "a")
    for wrong in ({"positive": "c"}, {"positive": "a", "classes": ("a", "b", "c")}):
        with pytest.raises(DataError, match="positive"):
            choose_classes(["a", "b", "c"][: 2 + ("classes" in wrong)], **wrong)


def test_measurements_are_no_classes():
    with pytest.raises(DataError, match="101 different labels"):
        choose_classes(map(str, range(101)))


def test_labels_are_tidied_up():
    assert [parse_label(text) for text in (" a ", "1.0", "1.5", "none")] == [
        "a",
        "1",
        "1.5",
        "none",
    ]
    assert {parse_label(text) for text in ("", "NaN", "n/a", "?")} == {None}
    assert parse_names('malignant, "normal, benign"') == ("malignant", "normal, benign")


# The synthetic stand-in, and real images


def test_sample_knows_its_patients(tmp_path):
    Folder().write_sample(tmp_path, seed=3)
    records, aside = listed(tmp_path)
    assert Counter(r.label for r in records) == {"clear": 60, "ring": 60, "spot": 60}
    groups = {(r.label, r.group) for r in records}
    assert Counter(label for label, _ in groups) == {"clear": 20, "ring": 20, "spot": 20}
    assert len({group for _, group in groups}) == 60
    assert aside == []


def test_sample_depends_on_its_seed(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        Folder().write_sample(tmp_path / name, seed=seed)
    first, same, other = (
        {p.relative_to(tmp_path / n).as_posix(): p.read_bytes() for p in files}
        for n in "abc"
        for files in [[p for p in (tmp_path / n).rglob("*") if p.is_file()]]
    )
    assert first == same
    assert first != other


@pytest.mark.realdata
def test_leukemia_is_read_as_folders():
    folder = Path(os.environ.get("AUTOMEDIMG_TEST_DATA", "")) / "leukemia"
    if not folder.is_dir():
        pytest.skip("needs leukemia in $AUTOMEDIMG_TEST_DATA/leukemia")
    root = Folder().locate(folder)
    assert root == folder
    records, aside = listed(root)
    counts = {"Benign": 217, "Early": 423, "Pre": 414, "Pro": 346}
    assert Counter(r.label for r in records) == counts
    assert aside == []


def test_every_error_has_a_hint(tmp_path):
    with pytest.raises(AutomedimgError) as caught:
        Folder().specialise(SPEC, tmp_path)
    assert caught.value.hint
