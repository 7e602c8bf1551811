"""From a plugin's records to rows that can be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from data_images import Folders, picture, task, write_classes, write_picture
from PIL import Image

from automedimg.contracts import Record, SetAside
from automedimg.data.listing import Listing, list_records, with_external
from automedimg.errors import DataError


class Says(Folders):
    """Lists what it is given."""

    def __init__(self, *entries: Record | SetAside) -> None:
        super().__init__()
        self.entries = entries

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        return self.entries


def listed(root: Path, *entries: Record | SetAside) -> Listing:
    return list_records(task(), Says(*entries), root)


def test_what_is_set_aside_is_kept_apart_with_its_reason(tmp_path: Path) -> None:
    aside = SetAside("no/c.png", "no label in labels.csv")
    found = listed(tmp_path, Record("no/a.png", "no"), aside, Record("yes/b.png", "yes"))
    assert [record.path for record in found.records] == ["no/a.png", "yes/b.png"]
    assert found.set_aside == (aside,)
    assert found.items() == [(tmp_path / "no/a.png", ""), (tmp_path / "yes/b.png", "")]


def test_a_name_that_no_encoding_explains_is_set_aside(tmp_path: Path) -> None:
    strange = b"no/\xff.png".decode("utf-8", "surrogateescape")
    found = listed(
        tmp_path, Record(strange, "no"), SetAside(strange, "torn"), Record("no/a.png", "no")
    )
    assert [record.path for record in found.records] == ["no/a.png"]
    assert [aside.reason for aside in found.set_aside] == [
        "the file's name is not valid Unicode",
        "torn",
    ]
    for aside in found.set_aside:
        assert aside.path.encode() == rb"no/\udcff.png"


def test_the_images_of_one_file_come_to_stand_together(tmp_path: Path) -> None:
    def part(path: str, number: int) -> Record:
        return Record(path, "no", part=str(number))

    found = listed(tmp_path, part("b", 1), part("a", 5), part("b", 0), part("c", 2), part("a", 4))
    names = [record.name for record in found.records]
    assert names == ["b#1", "b#0", "a#5", "a#4", "c#2"]


def test_an_order_without_torn_files_stays(tmp_path: Path) -> None:
    records = [Record(name, "no") for name in ("z", "a", "m")]
    assert listed(tmp_path, *records).records == tuple(records)


@pytest.mark.parametrize(
    ("entries", "words"),
    [((), "expected a folder for each class"), ((SetAside("x.png", "torn"),), "; x.png: torn;")],
)
def test_nothing_to_try_is_an_error(
    tmp_path: Path, entries: tuple[SetAside, ...], words: str
) -> None:
    with pytest.raises(DataError, match="no images in") as caught:
        listed(tmp_path, *entries)
    assert words in caught.value.message
    assert "--sample" in (caught.value.hint or "")


def test_a_strange_label_is_named_with_the_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gave the label `perhaps`; expected one of no, yes"):
        listed(tmp_path, Record("a", "no"), Record("b", "perhaps"))


def test_external_images_are_the_test_side_and_can_be_opened(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    write_classes(home, {"no": 2, "yes": 2})
    write_classes(other, {"no": 1, "yes": 1})
    main = list_records(task(), Folders(), home)
    both = with_external(main, list_records(task(), Folders(), other))
    assert both.root == home
    assert both.num_external == 2
    assert both.records[:4] == main.records
    assert [record.split for record in both.records] == [None] * 4 + ["test"] * 2
    assert all(Path(record.path).is_absolute() for record in both.records[4:])
    assert [path for path, _ in both.items()[4:]] == [other / "no/000.png", other / "yes/000.png"]
    assert len({record.name for record in both.records}) == 6
    assert both.picture(both.records[5].name) is not None


def test_what_was_set_aside_elsewhere_is_kept_too(tmp_path: Path) -> None:
    main = listed(tmp_path / "a", Record("x", "no"), SetAside("m", "torn"))
    other = listed(tmp_path / "b", Record("x", "no"), SetAside("n", "torn"))
    assert [aside.path for aside in with_external(main, other).set_aside] == ["m", "n"]


def test_a_relative_external_folder_serves_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classes(tmp_path / "home", {"no": 1, "yes": 1})
    write_classes(tmp_path / "other", {"no": 1, "yes": 1})
    monkeypatch.chdir(tmp_path)
    main, other = (list_records(task(), Folders(), Path(name)) for name in ("home", "other"))
    assert all(path.is_file() for path, _ in with_external(main, other).items())


def test_a_picture_is_found_by_its_records_name(tmp_path: Path) -> None:
    write_picture(tmp_path / "no" / "a.png", 1)
    write_picture(tmp_path / "no" / "scan #2.png", 2)
    Image.new("L", (400, 200), 7).save(tmp_path / "wide.png")
    np.savez(tmp_path / "all.npz", images=np.stack([picture(3), picture(4)]))
    listing = Listing(tmp_path, ())
    for name, expected in (
        ("no/a.png", picture(1)),
        ("no/scan #2.png", picture(2)),
        ("all.npz#images/1", picture(4)),
    ):
        found = listing.picture(name)
        assert found is not None, name
        assert np.array_equal(np.asarray(found), expected)
    wide = listing.picture("wide.png")
    assert wide is not None
    assert wide.size == (160, 80)


def test_what_can_not_be_shown_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("not a picture")
    np.savez(tmp_path / "all.npz", images=np.stack([picture(3)]))
    listing = Listing(tmp_path, ())
    for name in ("note.png", "gone.png", "all.npz#images/9", "all.npz#words/0"):
        assert listing.picture(name) is None
