"""From a folder of images to split rows, with everything said that a user should know."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_images import Folders, encode, picture, task, write_classes, write_picture
from PIL import Image

from automedimg.contracts import (
    Dataset,
    DatasetSpec,
    Notice,
    Record,
    SetAside,
    StageAdvanced,
    StageStarted,
)
from automedimg.contracts.events import Event
from automedimg.data import caches
from automedimg.data.decoding import Wanted
from automedimg.data.dividing import SplitRequest
from automedimg.data.listing import list_records
from automedimg.data.prepare import PreparedData, prepare
from automedimg.data.preprocessing import ALL, Preprocessing
from automedimg.data.reading import FLAGS
from automedimg.errors import DataError


class Prepare:
    """Prepares one folder; keeps what was said meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.root, self.cache = folder / "toys", folder / "cache"
        self.heard: list[Event] = []

    def __call__(
        self,
        classes: tuple[str, ...] = ("no", "yes"),
        *,
        dataset: Dataset | None = None,
        spec: DatasetSpec | None = None,
        size: int = 16,
        ways: tuple[Preprocessing, ...] = (Preprocessing(),),
        **how: Any,
    ) -> PreparedData:
        self.heard.clear()
        spec = spec or task(classes)
        return prepare(
            spec,
            list_records(spec, dataset or Folders(classes), self.root),
            self.cache,
            wanted=Wanted(size, spec.channels, ways),
            how=SplitRequest(**how),
            listener=self.heard.append,
        )

    @property
    def notices(self) -> list[Notice]:
        return [event for event in self.heard if isinstance(event, Notice)]


@pytest.fixture
def toys(tmp_path: Path) -> Prepare:
    return Prepare(tmp_path)


def side_of(data: PreparedData, path: str) -> int:
    (row,) = [row for row, record in enumerate(data.records) if record.path == path]
    return int(data.splits[row])


def group_of(data: PreparedData, path: str) -> int:
    (row,) = [row for row, record in enumerate(data.records) if record.path == path]
    return int(data.groups[row])


def test_everything_lines_up(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 8, "yes": 6})
    data = toys()
    assert [record.label for record in data.records] == ["no"] * 8 + ["yes"] * 6
    assert data.labels.tolist() == [0] * 8 + [1] * 6
    assert data.rows.tolist() == list(range(14))
    assert len(set(data.groups.tolist())) == 14
    assert np.load(data.pixels.images["stretch"]).shape == (14, 16, 16, 1)
    assert not data.synthetic
    assert toys.notices == []
    assert data.audit["images"] == 14
    assert data.audit["classes"] == {"no": 8, "yes": 6}
    assert data.audit["patients"] is None
    assert data.audit["leakage"]["percent"] == 0
    sides = data.audit["splits"]
    assert sum(side["images"] for side in sides.values()) == 14
    assert all(min(side["classes"].values()) > 0 for side in sides.values())
    json.dumps(data.audit, allow_nan=False)


def test_progress_is_told(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 3, "yes": 3})
    toys()
    stages = [event for event in toys.heard if isinstance(event, StageStarted)]
    assert stages[0] == StageStarted(f"reading 6 images in {toys.root}", 6)
    assert StageAdvanced(6) in toys.heard


def test_an_empty_folder_says_what_was_expected(toys: Prepare) -> None:
    toys.root.mkdir()
    with pytest.raises(DataError, match=r"no images in .*expected a folder for each class"):
        toys()


def test_one_class_only_names_the_other(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 5, "yes": 0})
    with pytest.raises(DataError, match="no readable image of class `yes`"):
        toys()


def test_a_class_of_two_images_is_named(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 5, "yes": 2})
    with pytest.raises(DataError, match=r"class `yes` has 2 .*at least 3"):
        toys()


def test_a_class_that_is_all_copies_of_one_image_is_named(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 5, "yes": 0})
    for index in range(6):
        write_picture(toys.root / "yes" / f"{index}.png", 700, contrast=1 + index / 20)
    with pytest.raises(DataError, match=r"class `yes` has 1 independent"):
        toys()


def test_all_unreadable_gives_the_first_reason(toys: Prepare) -> None:
    for label in ("no", "yes"):
        (toys.root / label).mkdir(parents=True)
        (toys.root / label / "note.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"none of the 2 images .*not an image in a known format"):
        toys()


def test_unreadable_files_are_set_aside_and_listed(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 5, "yes": 5})
    (toys.root / "no" / "002a.jpg").write_text("no picture")
    (toys.root / "yes" / "empty.png").touch()
    data = toys()
    assert len(data.records) == 10
    assert data.rows.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert data.audit["unreadable"] == [
        {"path": "no/002a.jpg", "reason": "not an image in a known format"},
        {"path": "yes/empty.png", "reason": "empty file"},
    ]
    (notice,) = toys.notices
    assert notice.text.startswith("2 file(s) set aside, e.g. no/002a.jpg: not an image")
    images = np.load(data.pixels.images["stretch"])
    assert all(images[row].any() for row in data.rows)


def test_unreadable_files_count_neither_as_copies_nor_as_patients(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 4, "yes": 4})
    for label in ("no", "yes"):
        for name in ("p1@a.png", "p1@b.png"):
            (toys.root / label / name).touch()
    data = toys()
    assert data.audit["duplicates"] == []
    assert data.audit["label_conflicts"] == []
    assert data.audit["patients"] is None


def test_names_may_hold_anything(toys: Prepare) -> None:
    names = ["å ñ.png", "脳.png", 'a,"b.png', "c\nd.png"]
    for number, name in enumerate(names):
        write_picture(toys.root / "no" / name, number)
        write_picture(toys.root / "yes" / name, 100 + number)
    data = toys()
    rows = list(csv.DictReader(io.StringIO(data.splits_csv())))
    assert {row["path"] for row in rows} == {f"{c}/{n}" for c in ("no", "yes") for n in names}


def test_the_table_of_the_split(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 6, "yes": 6})
    data = toys()
    text = data.splits_csv()
    assert text.splitlines()[0] == "path,label,group,split"
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 12
    for row, record, group, side in zip(rows, data.records, data.groups, data.splits, strict=True):
        expected = ("train", "validation", "test")[side]
        assert row == {
            "path": record.path,
            "label": record.label,
            "group": str(group),
            "split": expected,
        }


def test_copies_and_patients_are_tied_together(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 9, "yes": 9})
    no = toys.root / "no"
    (no / "0.png").touch()  # unreadable, and first: rows and records differ from here on
    write_picture(no / "p1@a.png", 500)
    write_picture(no / "p1@b.png", 501)
    write_picture(no / "copy of b.png", 501)  # the same bytes
    write_picture(no / "like the copy.jpg", 501, contrast=0.7)  # other bytes, same slice
    write_picture(no / "p2@a.png", 501, contrast=1.3)  # so p1 and p2 are one person
    write_picture(no / "p2@z.png", 502)
    tied = [
        f"no/{name}"
        for name in ("p1@a.png", "p1@b.png", "copy of b.png", "like the copy.jpg", "p2@z.png")
    ]
    for seed in range(4):
        data = toys(seed=seed)
        assert len({group_of(data, path) for path in tied}) == 1
        assert len({side_of(data, path) for path in tied}) == 1
    audit = data.audit
    assert audit["groups"] == 19
    assert audit["patients"] == 2
    assert audit["duplicates"] == [["no/copy of b.png", "no/p1@b.png"]]
    (near,) = audit["near_duplicates"]
    assert {"no/like the copy.jpg", "no/p2@a.png"} < set(near)
    assert audit["images_with_copies"] == 4
    assert audit["label_conflicts"] == []
    assert audit["leakage"]["leaking_images"] == 0


def test_identical_files_are_not_listed_as_near_duplicates_too(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 5, "yes": 5})
    for name in ("a.png", "b.png", "c.png"):
        write_picture(toys.root / "no" / name, 600)
    audit = toys().audit
    assert audit["duplicates"] == [["no/a.png", "no/b.png", "no/c.png"]]
    assert audit["near_duplicates"] == []
    assert audit["images_with_copies"] == 3


def test_copies_with_different_labels_are_told_loudly(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 5, "yes": 5})
    write_picture(toys.root / "no" / "same.png", 600)
    write_picture(toys.root / "yes" / "same.png", 600)
    data = toys()
    assert data.audit["label_conflicts"] == [["no/same.png", "yes/same.png"]]
    assert side_of(data, "no/same.png") == side_of(data, "yes/same.png")
    assert Notice("1 set(s) of copies carry different labels", important=True) in toys.notices


def test_a_random_split_tells_what_it_leaks(toys: Prepare) -> None:
    for patient in range(12):
        label = ("no", "yes")[patient % 2]
        for slide in range(4):
            write_picture(toys.root / label / f"p{patient}@{slide}.png", patient * 10 + slide)
    grouped = toys()
    assert grouped.audit["leakage"]["leaking_images"] == 0
    assert toys.notices == []
    random = toys(protocol="random")
    patients = {record.path: record.group for record in random.records}
    leakage = random.audit["leakage"]
    in_test = random.splits == 2
    elsewhere = {int(group) for group in random.groups[~in_test]}
    expected = sum(int(group) in elsewhere for group in random.groups[in_test])
    assert expected > 0
    assert leakage == {
        "protocol": "random",
        "test_images": int(in_test.sum()),
        "leaking_images": expected,
        "percent": pytest.approx(100 * expected / in_test.sum(), abs=0.01),
        "torn_groups": leakage["torn_patients"],
        "torn_patients": sum(
            len({side_of(random, path) for path, of in patients.items() if of == patient}) > 1
            for patient in set(patients.values())
        ),
    }
    (notice,) = toys.notices
    assert notice.important
    assert notice.text.startswith(f"LEAK: {expected} of {in_test.sum()} test images")
    assert random.fingerprint != grouped.fingerprint


def test_the_fingerprint_knows_pixels_labels_and_split(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 12, "yes": 12})
    first = toys()
    assert toys().fingerprint == first.fingerprint
    assert toys().splits.tolist() == first.splits.tolist()
    other_seed = toys(seed=1)
    assert other_seed.splits.tolist() != first.splits.tolist()
    # How images are formed is the search's choice, not what the data are.
    assert toys(size=32).fingerprint == first.fingerprint
    assert toys(ways=ALL).fingerprint == first.fingerprint
    fingerprints = {first.fingerprint, other_seed.fingerprint}
    write_picture(toys.root / "no" / "000.png", 999)
    fingerprints.add(toys().fingerprint)
    (toys.root / "no" / "001.png").rename(toys.root / "yes" / "new.png")
    fingerprints.add(toys().fingerprint)
    assert len(fingerprints) == 4


def test_a_partial_download_is_told(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 5, "yes": 5})
    spec = task(expected_counts={"no": 50, "yes": 50})
    toys(spec=spec)
    assert toys.notices == [Notice("10 images; the complete data set has 100")]
    (toys.root / "SYNTHETIC.txt").write_text("drawn")
    assert toys(spec=spec).synthetic
    assert toys.notices == []


def test_the_fractions_are_those_of_the_task(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 20, "yes": 20})
    data = toys(spec=task(test_fraction=0.5, validation_fraction=0.25))
    assert np.bincount(data.splits).tolist() == [10, 10, 20]


def test_a_label_that_the_task_does_not_know_is_the_plugins_mistake(toys: Prepare) -> None:
    class Strange(Folders):
        def records(self, root: Path) -> list[Record]:
            return [Record("no/000.png", "perhaps")]

    write_classes(toys.root, {"no": 3, "yes": 3})
    with pytest.raises(DataError, match="gave the label `perhaps`; expected one of no, yes"):
        toys(dataset=Strange())


def test_three_classes_and_mixed_files(toys: Prepare) -> None:
    classes = ("benign", "early", "pro")
    write_classes(toys.root, dict.fromkeys(classes, 6))
    deep = Image.fromarray(picture(1).astype(np.uint16) * 200)
    (toys.root / "pro" / "deep.png").write_bytes(encode(deep, "PNG"))
    colour = Image.fromarray(picture(2222)).convert("RGB")
    (toys.root / "early" / "colour.jpg").write_bytes(encode(colour, "JPEG"))
    data = toys(classes)
    assert data.audit["classes"] == {"benign": 6, "early": 7, "pro": 7}
    assert sorted(set(data.labels.tolist())) == [0, 1, 2]
    assert data.audit["modes"] == {"L": 18, "I;16": 1, "RGB": 1}
    assert data.audit["bits"] == {"8": 19, "16": 1}
    assert data.audit["formats"] == {"PNG": 19, "JPEG": 1}
    images = np.load(data.pixels.images["stretch"])
    assert images.dtype == np.uint16


def test_what_the_plugin_set_aside_is_told_with_the_unreadable(toys: Prepare) -> None:
    class Half(Folders):
        def records(self, root: Path) -> list[Record | SetAside]:
            return [SetAside("no/unlabelled.png", "no label in labels.csv"), *super().records(root)]

    write_classes(toys.root, {"no": 4, "yes": 4})
    (toys.root / "yes" / "empty.png").touch()
    data = toys(dataset=Half())
    assert data.audit["unreadable"] == [
        {"path": "no/unlabelled.png", "reason": "no label in labels.csv"},
        {"path": "yes/empty.png", "reason": "empty file"},
    ]
    assert toys.notices[0].text.startswith("2 file(s) set aside, e.g. no/unlabelled.png: no label")


class Stacked(Dataset):
    """All images of a class in one npz file."""

    def locate(self, folder: Path) -> Path | None:
        return folder

    def records(self, root: Path) -> list[Record]:
        return [
            Record(path.name, path.stem, part=f"images/{row}")
            for path in sorted(root.glob("*.npz"))
            for row in range(len(np.load(path)["images"]))
        ]

    def write_sample(self, folder: Path, *, seed: int = 0) -> None: ...


def test_images_of_one_file_are_told_apart_and_equal_ones_tied(toys: Prepare) -> None:
    toys.root.mkdir()
    no, yes = (np.stack([picture(first + i) for i in range(6)]) for first in (0, 100))
    no[4] = no[1]
    for name, images in (("no", no), ("yes", yes)):
        np.savez(toys.root / f"{name}.npz", images=images)
    data = toys(dataset=Stacked())
    assert len({record.name for record in data.records}) == 12
    assert data.audit["duplicates"] == [["no.npz#images/1", "no.npz#images/4"]]
    assert data.groups[1] == data.groups[4]
    assert data.splits[1] == data.splits[4]
    assert len(set(data.groups.tolist())) == 11
    assert "no.npz#images/4" in data.splits_csv()


def test_a_split_can_be_read_back_from_its_own_table(toys: Prepare, tmp_path: Path) -> None:
    write_classes(toys.root, {"no": 8, "yes": 8})
    write_picture(toys.root / "no" / 'odd, "name"; é.png', 77)
    first = toys(seed=3)
    (tmp_path / "splits.csv").write_text(first.splits_csv(), encoding="utf-8")
    again = toys(seed=5, file=tmp_path / "splits.csv")
    assert again.protocol == "file"
    assert again.splits.tolist() == first.splits.tolist()
    assert again.fingerprint == first.fingerprint
    turned = np.roll(first.splits, 1)
    assert first.splits_csv(turned) != first.splits_csv()


def test_a_heavy_imbalance_is_told(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 40, "yes": 4})
    toys()
    (notice,) = toys.notices
    assert notice.text.startswith("class `no` has 10 times as many images as `yes`")


def test_what_a_file_warns_of_is_told_loudly(toys: Prepare) -> None:
    write_classes(toys.root, {"no": 4, "yes": 4})
    first = toys()
    scan = first.pixels.scan_folder / "scan.json"
    told = json.loads(scan.read_text())
    told["flags"] = {"2": ["burned-in"]}
    scan.write_text(json.dumps(told))
    caches.seal(scan.parent, {})  # else it would count as damaged
    data = toys()
    assert [w["examples"] for w in data.audit["warnings"]] == [["no/002.png"]]
    assert Notice(f"1 image(s): {FLAGS['burned-in']}", important=True) in toys.notices
