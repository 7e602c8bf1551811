import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from automedimg.contracts import Record
from automedimg.errors import ConfigurationError, DataError
from automedimg_tasks import generic
from automedimg_tasks.medmnist import SUBSETS, subset_of
from automedimg_tasks.npz import Npz

(SPEC,) = (spec for spec in generic.SPECS if spec.name == "npz")


def grey(count, *shape):
    return np.zeros((count, *(shape or (28, 28))), dtype=np.uint8)


def medmnist(folder, name, num_classes=2, images=grey):
    arrays = {}
    for side, count in (("train", 20), ("val", 10), ("test", 10)):
        arrays[f"{side}_images"] = images(count)
        arrays[f"{side}_labels"] = (np.arange(count) % num_classes).astype(np.uint8)[:, None]
    np.savez_compressed(folder / name, **arrays)


def listed(root, **options):
    return [r for r in Npz(**options).records(root) if isinstance(r, Record)]


def special(root, **options):
    return Npz(**options).specialise(SPEC, root)


# MedMNIST


def test_medmnist_comes_with_its_names_and_its_split(tmp_path):
    medmnist(tmp_path, "bloodmnist_64.npz", 8, lambda count: grey(count, 64, 64, 3))
    assert Npz().locate(tmp_path) == tmp_path
    records = listed(tmp_path)
    assert records[0] == Record("bloodmnist_64.npz", "basophil", None, "train", "train_images/0")
    assert records[-1] == Record("bloodmnist_64.npz", "eosinophil", None, "test", "test_images/9")
    assert Counter(r.split for r in records) == {"train": 20, "validation": 10, "test": 10}
    spec = special(tmp_path)
    assert spec.classes == SUBSETS["bloodmnist"].classes
    assert (spec.channels, spec.image_size, spec.modality) == (3, 64, "blood cell microscopy")
    assert "BloodMNIST (17,052 fewer than published)" in spec.layout
    assert "Scientific Data" in spec.source.citation


def test_the_order_of_medmnists_classes_can_be_changed(tmp_path):
    medmnist(tmp_path, "breastmnist.npz")
    assert special(tmp_path).classes == ("malignant", "normal, benign")
    options = {"classes": '"normal, benign", malignant'}
    assert special(tmp_path, **options).classes == ("normal, benign", "malignant")
    assert special(tmp_path, positive="malignant").classes == ("normal, benign", "malignant")
    assert len(listed(tmp_path, **options)) == 40


def test_a_file_that_is_only_called_so_is_taken_for_what_is_in_it(tmp_path):
    medmnist(tmp_path, "pneumoniamnist.npz", 3)
    spec = special(tmp_path)
    assert spec.classes == ("0", "1", "2")
    assert "PneumoniaMNIST" not in spec.layout
    assert spec.source == SPEC.source


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("pathmnist.npz", "PathMNIST"),
        ("OrganAMNIST_224.npz", "OrganAMNIST"),
        ("dermamnist_128.npz", "DermaMNIST"),
        ("organmnist3d.npz", None),
        ("mnist.npz", None),
        ("pathmnist_64_copy.npz", None),
    ],
)
def test_subsets_are_known_by_their_files(name, subset):
    found = subset_of(name)
    assert (found.name if found else None) == subset


def test_the_subsets_add_up():
    totals = {name: sum(subset.counts) for name, subset in SUBSETS.items()}
    assert totals["pathmnist"] == 107_180
    assert totals["tissuemnist"] == 236_386
    assert totals["pneumoniamnist"] == 5_856
    assert totals["organamnist"] == 58_830
    for subset in SUBSETS.values():
        assert len(set(subset.classes)) == len(subset.classes) != 1


def test_several_labels_an_image_are_refused(tmp_path):
    medmnist(tmp_path, "chestmnist.npz")
    with pytest.raises(DataError, match="ChestMNIST, whose images have several labels"):
        special(tmp_path)
    (tmp_path / "b").mkdir()
    labels = np.array([[1, 1], [0, 1], [0, 0]])
    np.savez(tmp_path / "b" / "x.npz", images=grey(3), labels=labels)
    with pytest.raises(DataError, match="multi-label, 2 columns"):
        listed(tmp_path / "b")


@pytest.mark.parametrize("shape", [(28, 28, 28), (28, 28, 28, 1), (9, 64, 64)])
def test_volumes_are_refused_with_the_reason(tmp_path, shape):
    medmnist(tmp_path, "organmnist3d.npz", 2, lambda count: grey(count, *shape))
    assert Npz().locate(tmp_path) == tmp_path
    with pytest.raises(DataError, match="volumes; only 2D"):
        special(tmp_path)


# Other files


@pytest.mark.parametrize(
    "keys", [("images", "labels"), ("x", "y"), ("X", "y"), ("data", "target"), ("image", "label")]
)
def test_keys_that_are_usual(tmp_path, keys):
    np.savez(tmp_path / "a.npz", **{keys[0]: grey(6, 40, 50), keys[1]: np.arange(6) % 2})
    records = listed(tmp_path)
    assert records[5] == Record("a.npz", "1", None, None, f"{keys[0]}/5")
    assert special(tmp_path).image_size == 64


@pytest.mark.parametrize("keys", ["x_{}", "{}_x", "images_{}", "{}_images"])
def test_splits_that_are_usual(tmp_path, keys):
    other = {"x_{}": "y_{}", "{}_x": "{}_y", "images_{}": "labels_{}", "{}_images": "{}_labels"}
    arrays = {}
    for side in ("test", "train"):
        arrays[keys.format(side)] = grey(4)
        arrays[other[keys].format(side)] = np.arange(4) % 2
    np.savez(tmp_path / "a.npz", **arrays)
    assert [r.split for r in listed(tmp_path)] == ["train"] * 4 + ["test"] * 4


def test_one_side_alone_is_no_split(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=grey(4), train_labels=np.arange(4) % 2)
    assert [(r.split, r.part) for r in listed(tmp_path)][:1] == [(None, "train_images/0")]


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["benign", "malignant"] * 2),
        np.array([b"benign", b"malignant"] * 2),
        np.array([["benign"], ["malignant"]] * 2),
    ],
)
def test_labels_may_be_text(tmp_path, labels):
    np.savez(tmp_path / "a.npz", images=grey(4), labels=labels)
    assert special(tmp_path).classes == ("benign", "malignant")


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, 2, 1]),
        np.array([[0.0], [1.0], [2.0], [1.0]]),
        np.eye(3)[[0, 1, 2, 1]],
        np.eye(3, dtype=bool)[[0, 1, 2, 1]],
    ],
)
def test_labels_may_be_numbers_or_one_hot(tmp_path, labels):
    np.savez(tmp_path / "a.npz", images=grey(4), labels=labels)
    assert [r.label for r in listed(tmp_path)] == ["0", "1", "2", "1"]
    named = listed(tmp_path, classes="clear,ring,spot")
    assert [r.label for r in named] == ["clear", "ring", "spot", "ring"]
    assert special(tmp_path, classes="clear,ring,spot").classes == ("clear", "ring", "spot")
    assert [r.part for r in listed(tmp_path, classes="2,0")] == ["images/0", "images/2"]


def test_true_and_false_are_0_and_1(tmp_path):
    np.savez(tmp_path / "a.npz", images=grey(4), labels=np.array([True, False] * 2))
    assert [r.label for r in listed(tmp_path)] == ["1", "0", "1", "0"]


@pytest.mark.parametrize(
    ("shape", "size", "channels"),
    [
        ((28, 28), 32, 1),
        ((64, 64, 1), 64, 1),
        ((1, 64, 64), 64, 1),
        ((3, 96, 80), 96, 3),
        ((224, 224, 3), 128, 3),
        ((100, 70), 128, 1),
    ],
)
def test_size_and_channels_are_the_arrays(tmp_path, shape, size, channels):
    np.savez(tmp_path / "a.npz", images=grey(4, *shape), labels=np.arange(4) % 2)
    spec = special(tmp_path)
    assert (spec.image_size, spec.channels) == (size, channels)


def test_arrays_can_be_named(tmp_path):
    np.savez(tmp_path / "a.npz", scans=grey(4), labels=np.zeros(4), sick=np.arange(4) % 2)
    assert Npz().locate(tmp_path) is None
    options = {"images": "scans", "labels": "sick"}
    assert Npz(**options).locate(tmp_path) == tmp_path
    assert listed(tmp_path, **options)[0].part == "scans/0"
    with pytest.raises(DataError, match=r"`labels` is `ill`.*`scans`, `labels`, `sick`"):
        listed(tmp_path, images="scans", labels="ill")


def test_one_of_several_files(tmp_path):
    for name, count in (("a.npz", 4), ("b.npz", 6)):
        np.savez(tmp_path / name, images=grey(count), labels=np.arange(count) % 2)
    np.savez(tmp_path / "features.npz", x=np.zeros((4, 100)), y=np.arange(4))
    assert Npz().locate(tmp_path) == tmp_path
    with pytest.raises(DataError, match=r"2 npz files .`a\.npz`, `b\.npz`"):
        listed(tmp_path)
    assert len(listed(tmp_path, file="b.npz")) == 6
    assert Npz(file="c.npz").locate(tmp_path) is None
    with pytest.raises(DataError, match=r"no such file"):
        listed(tmp_path, file="c.npz")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"images": grey(4), "labels": np.arange(3)}, "4 images in `images` and 3 labels"),
        ({"images": grey(4), "labels": np.array(1)}, "0 labels"),
        ({"images": np.zeros((4, 784)), "labels": np.arange(4)}, r"shape \(4, 784\)"),
        ({"images": grey(4), "labels": np.array([0.5, 1, 0, 1])}, "fractions or NaN"),
        ({"images": grey(4), "labels": np.array([np.nan, 1, 0, 1])}, "fractions or NaN"),
        ({"images": grey(4), "labels": np.ones((4, 2)) * 3}, r"shape \(4, 2\)"),
        ({"images": grey(4), "labels": np.zeros(4)}, "only one class, `0`"),
        ({"a": grey(4), "b": np.zeros(4)}, "arrays `a`, `b`; expected images"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, arrays, says):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=says) as caught:
        special(tmp_path)
    assert caught.value.hint


def test_pickled_labels_are_not_loaded(tmp_path):
    labels = np.array(["a", {"b": 1}, "a", "b"], dtype=object)
    np.savez(tmp_path / "a.npz", images=grey(4), labels=labels)
    with pytest.raises(DataError, match="Python objects, which are not loaded"):
        listed(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_damaged_files(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    assert Npz().locate(tmp_path) is None
    with pytest.raises(DataError, match=r"`a\.npz` is no complete npz file"):
        listed(tmp_path)


def test_damaged_labels(tmp_path):
    np.savez(tmp_path / "a.npz", images=grey(4), labels=np.arange(4) % 2)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.rindex(b"labels.npy", 0, content.index(b"PK\x01\x02")) + 10 + 128] ^= 0xFF
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"`a\.npz`"):
        listed(tmp_path)


def test_options_that_make_no_sense():
    with pytest.raises(ConfigurationError, match="two or more"):
        Npz(classes="a")


# The synthetic stand-in, and real images


def test_sample_is_like_medmnist(tmp_path):
    Npz().write_sample(tmp_path, seed=2)
    records = listed(tmp_path)
    assert Counter(r.split for r in records) == {"train": 160, "validation": 32, "test": 48}
    assert Counter(r.label for r in records) == {"0": 120, "1": 120}
    with np.load(tmp_path / "sample.npz") as arrays:
        assert arrays["val_images"].shape == (32, 28, 28)
        assert arrays["val_labels"].shape == (32, 1)


@pytest.mark.realdata
def test_pneumoniamnist_keeps_its_split():
    folder = Path(os.environ.get("AUTOMEDIMG_TEST_DATA", "")) / "pneumoniamnist"
    if not folder.is_dir():
        pytest.skip("needs PneumoniaMNIST in $AUTOMEDIMG_TEST_DATA/pneumoniamnist")
    assert Npz().locate(folder) == folder
    records = listed(folder)
    assert Counter(r.split for r in records) == {"train": 4708, "validation": 524, "test": 624}
    spec = special(folder)
    assert spec.classes == ("normal", "pneumonia")
    assert (spec.image_size, spec.channels) == (32, 1)
    assert "fewer" not in spec.layout
    assert Counter(r.label for r in records if r.split == "test") == {
        "normal": 234,
        "pneumonia": 390,
    }
