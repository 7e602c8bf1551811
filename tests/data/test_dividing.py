"""Which way a data set is split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_images import picture, task

from automedimg.contracts import Record, SplitName
from automedimg.data.dividing import PROTOCOLS, SplitRequest, divide, divide_in_folds
from automedimg.data.grouping import Copies, find_groups
from automedimg.data.splits import TEST, TRAIN, VALIDATION, IntArray, SplitArray, leaking, torn
from automedimg.errors import ConfigurationError, DataError


class Images:
    """Twenty patients of two images a class; each image has a copy that is turned by 90 degrees."""

    def __init__(self, splits: tuple[SplitName | None, ...] = ()) -> None:
        drawn, self.records = [], []
        for number in range(40):
            label, patient = ("no", "yes")[number % 2], f"p{number // 4}-{number % 2}"
            for turned in range(2):
                drawn.append(np.rot90(picture(number), turned))
                side = splits[number % len(splits)] if splits else None
                name = f"{label}/{number}-{turned}.png"
                self.records.append(Record(name, label, patient, side))
        self.thumbnails = np.ascontiguousarray(np.stack(drawn))
        self.labels = np.array([int(record.label == "yes") for record in self.records])
        self.digests = [str(number) for number in range(80)]
        self.grouping = find_groups(self.records, self.digests, Copies(self.thumbnails))
        self.external = np.zeros(80, bool)

    def divide(self, how: SplitRequest, **changes: Any) -> tuple[SplitArray, str]:
        spec = task(test_fraction=0.2, validation_fraction=0.16, **changes)
        return divide(
            how,
            spec,
            self.records,
            self.labels,
            self.digests,
            Copies(self.thumbnails),
            self.grouping,
            self.external,
        )


@pytest.fixture(scope="module")
def images() -> Images:
    return Images()


PUBLISHED = Images(("train", "train", "validation", "test", "train"))


def assert_every_class_on_every_side(splits: SplitArray, labels: IntArray) -> None:
    for side in (TRAIN, VALIDATION, TEST):
        assert set(labels[splits == side]) == {0, 1}


def test_the_default_tears_no_patient_and_no_copy_apart(images: Images) -> None:
    splits, name = images.divide(SplitRequest())
    assert name == "grouped"
    assert not len(torn(splits, images.grouping.groups))
    assert_every_class_on_every_side(splits, images.labels)
    assert (splits == TEST).mean() == pytest.approx(0.2, abs=0.06)
    assert (splits == VALIDATION).mean() == pytest.approx(0.16, abs=0.06)


def test_the_random_split_tears_them_apart(images: Images) -> None:
    splits, name = images.divide(SplitRequest("random"))
    assert name == "random"
    assert leaking(splits, images.grouping.groups).sum() > 8
    assert_every_class_on_every_side(splits, images.labels)


def test_the_upright_split_keeps_patients_and_is_blind_to_turned_copies() -> None:
    alone = Images()
    alone.records = [Record(record.path, record.label) for record in alone.records]
    alone.grouping = find_groups(alone.records, alone.digests, Copies(alone.thumbnails))
    assert int(alone.grouping.groups.max()) == 39
    splits, name = alone.divide(SplitRequest("upright"))
    assert name == "upright"
    assert len(torn(splits, alone.grouping.groups)) > 4


def test_turned_copies_of_one_patient_stay_together_even_so(images: Images) -> None:
    splits, _ = images.divide(SplitRequest("upright"))
    assert not len(torn(splits, images.grouping.groups))


def test_the_publishers_split_is_the_default_where_there_is_one() -> None:
    for how in (SplitRequest(), SplitRequest("published")):
        splits, name = PUBLISHED.divide(how)
        assert name == "published"
        expected = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
        assert splits.tolist() == [expected[r.split] for r in PUBLISHED.records if r.split]
    assert PUBLISHED.divide(SplitRequest("grouped"))[1] == "grouped"
    assert not len(torn(PUBLISHED.divide(SplitRequest("grouped"))[0], PUBLISHED.grouping.groups))


def test_a_missing_side_is_made_by_groups() -> None:
    given = Images(("train", "train", "train", "train", "test"))
    splits, name = given.divide(SplitRequest())
    assert name == "published"
    in_test = np.array([record.split == "test" for record in given.records])
    assert ((splits == TEST) == in_test).all()
    rest = ~in_test
    assert not len(torn(splits[rest], given.grouping.groups[rest]))
    assert set(given.labels[splits == VALIDATION]) == {0, 1}


@pytest.mark.parametrize("splits", [(), ("train",)], ids=["no sides", "training images alone"])
def test_a_split_that_nobody_published_is_not_called_so(splits: tuple[SplitName, ...]) -> None:
    given = Images(splits)
    assert given.divide(SplitRequest())[1] == "grouped"
    with pytest.raises(DataError, match="no split of task `toys` was published") as caught:
        given.divide(SplitRequest("published"))
    assert "--protocol" in (caught.value.hint or "")


def test_the_seed_repeats_a_split_and_another_gives_another(images: Images) -> None:
    for protocol in ("grouped", "upright", "random"):
        first, again, other = (
            images.divide(SplitRequest(protocol, seed))[0].tolist() for seed in (3, 3, 4)
        )
        assert first == again != other


def test_a_file_says_where_each_image_goes(images: Images, tmp_path: Path) -> None:
    sides = [("train", "validation", "test")[number // 2 % 3] for number in range(80)]
    lines = [f"{r.name},{side}" for r, side in zip(images.records, sides, strict=True)]
    path = tmp_path / "mine.csv"
    path.write_text("path,split\n" + "\n".join(reversed(lines)) + "\n")
    splits, name = images.divide(SplitRequest(file=path))
    assert name == "file"
    assert splits.tolist() == [number // 2 % 3 for number in range(80)]


def test_a_file_of_other_images_is_refused(images: Images, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("path,split\nno/99.png,train\n")
    with pytest.raises(DataError, match=r"80 of 80 images are missing in it .*not there"):
        images.divide(SplitRequest(file=path))
    with pytest.raises(DataError, match="can't read"):
        images.divide(SplitRequest(file=tmp_path / "gone.csv"))


def test_an_external_folder_is_the_test_side(tmp_path: Path) -> None:
    given = Images()
    given.external[60:] = True
    splits, name = given.divide(SplitRequest(external=tmp_path))
    assert name == "external"
    assert ((splits == TEST) == given.external).all()
    own = ~given.external
    assert not len(torn(splits[own], given.grouping.groups[own]))
    # Validation is as large a part of what is left as it is without an external test side.
    assert (splits[own] == VALIDATION).mean() == pytest.approx(0.2, abs=0.08)


def test_an_external_folder_without_images_is_refused(images: Images, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 of 80 images are external"):
        images.divide(SplitRequest(external=tmp_path))


@pytest.mark.parametrize(
    "ways",
    [
        {"protocol": "grouped", "file": Path("x")},
        {"protocol": "published", "external": Path("x")},
        {"file": Path("x"), "external": Path("y")},
        {"protocol": "random", "file": Path("x"), "external": Path("y")},
    ],
)
def test_two_ways_exclude_each_other(ways: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="exclude each other") as caught:
        SplitRequest(**ways)
    assert "--splits" in (caught.value.hint or "")


def test_an_unknown_protocol_is_named_with_all_that_are_known() -> None:
    with pytest.raises(ConfigurationError, match="unknown protocol `patients`") as caught:
        SplitRequest("patients")
    assert all(name in caught.value.message for name in PROTOCOLS)


def folds(images: Images, number: int, inner: int | None, **how: Any) -> dict[str, SplitArray]:
    return divide_in_folds(
        SplitRequest(**how), task(), images.labels, images.grouping.groups, number, inner
    )


def test_each_image_is_tested_in_one_fold(images: Images) -> None:
    found = folds(images, 5, None)
    assert list(found) == ["-1", "-2", "-3", "-4", "-5"]
    tested = sum((splits == TEST).astype(int) for splits in found.values())
    assert (tested == 1).all()
    for splits in found.values():
        assert not len(torn(splits, images.grouping.groups))
        assert_every_class_on_every_side(splits, images.labels)
        assert (splits == VALIDATION).mean() == pytest.approx(0.16, abs=0.06)


def test_each_inner_fold_validates_once(images: Images) -> None:
    found = folds(images, 3, 2)
    assert list(found) == ["-1-1", "-1-2", "-2-1", "-2-2", "-3-1", "-3-2"]
    for outer in ("-1", "-2", "-3"):
        first, second = found[f"{outer}-1"], found[f"{outer}-2"]
        assert ((first == TEST) == (second == TEST)).all()
        rest = first != TEST
        assert ((first == VALIDATION)[rest] ^ (second == VALIDATION)[rest]).all()
        assert not len(torn(first, images.grouping.groups))


def test_folds_repeat_with_their_seed(images: Images) -> None:
    first, again, other = (folds(images, 4, None, seed=seed) for seed in (1, 1, 2))
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


@pytest.mark.parametrize("how", [{"protocol": "random"}, {"external": Path("x")}])
def test_folds_are_made_by_groups_alone(images: Images, how: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="folds are made by groups"):
        folds(images, 3, None, **how)


def test_a_class_with_fewer_groups_than_folds_is_named(images: Images) -> None:
    with pytest.raises(DataError, match=r"class `(no|yes)`.*30 folds"):
        folds(images, 30, None)
