"""Which task a folder belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from data_images import Folders, write_classes, write_picture

from automedimg.contracts import (
    Dataset,
    DatasetSpec,
    Record,
    Source,
    TaskOption,
    hookimpl,
)
from automedimg.data.resolving import Found, TaskRequest, check_options, recognise, resolve
from automedimg.errors import ConfigurationError, DataError, UnknownNameError
from automedimg.registry import Catalog

pytestmark = pytest.mark.usefixtures("clean_environment")


class AnyFolders(Folders):
    """A generic layout: a folder for each class, whatever they are called."""

    def __init__(self, only: str = "") -> None:
        super().__init__(())
        self.only = only

    def locate(self, folder: Path) -> Path | None:
        return folder if any(path.is_dir() for path in folder.iterdir()) else None

    def records(self, root: Path) -> Iterable[Record]:
        for path in sorted(root.glob("*/*.png")):
            yield Record(path.relative_to(root).as_posix(), path.parent.name)

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        names = {path.name for path in root.iterdir() if path.is_dir()}
        return replace(spec, classes=tuple(sorted(names - {self.only})))


class Table(Folders):
    """A generic layout: a table of labels, named or found."""

    def __init__(self, file: str = "labels.csv", column: str = "label") -> None:
        super().__init__(("a", "b"))
        self.file, self.column = file, column

    def locate(self, folder: Path) -> Path | None:
        there = self.file.endswith(".csv") and (folder / self.file).is_file()
        return folder if there else None

    def records(self, root: Path) -> Iterable[Record]:
        for line in (root / self.file).read_text().split():
            path, label = line.split(",")
            yield Record(path, label)


class Broken(Folders):
    """Fails on every folder it is shown."""

    def locate(self, folder: Path) -> Path | None:
        raise KeyError("cannot bear this folder")


def spec(name: str, factory: Any, classes: tuple[str, ...] = ("no", "yes"), **more: Any) -> Any:
    settings = {"layout": f"the layout of {name}", "download": "get it", "image_size": 16}
    return DatasetSpec(name, f"The {name}", factory, classes, Source("Me"), **(settings | more))


FILE = TaskOption("file", "Name of the table", "labels.csv")
COLUMN = TaskOption("column", "The column of the label", "label")
SLICES = TaskOption("slices", "Which slices", "one", ("one", "all"))


def catalog_of(*specs: DatasetSpec) -> Catalog:
    catalog = Catalog()
    hook = hookimpl(lambda: list(specs))
    catalog.add(SimpleNamespace(automedimg_datasets=hook), "demo")
    return catalog


TUMOURS = spec("tumours", Folders, expected_counts={"no": 4, "yes": 4})
ANYTHING = spec("folder", AnyFolders, (), generic=True, options=(TaskOption("only", "Leave out"),))
TABLES = spec("csv", Table, ("a", "b"), generic=True, options=(FILE, COLUMN))


@pytest.fixture
def catalog() -> Catalog:
    """A broken data set, a data set, and two generic layouts in this order."""
    return catalog_of(TABLES, spec("bad", Broken), TUMOURS, ANYTHING)


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    write_classes(tmp_path / "toys", {"no": 4, "yes": 4})
    return tmp_path / "toys"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "table"
    lines = [f"{number}.png,{'ab'[number % 2]}" for number in range(6)]
    for number in range(6):
        write_picture(folder / f"{number}.png", number)
    (folder / "labels.csv").write_text("\n".join(lines))
    (folder / "other.csv").write_text("\n".join(lines[:4]))
    return folder


def found_by(request: TaskRequest, catalog: Catalog, cache: Path) -> Found:
    request.check(catalog)
    return resolve(request, catalog, cache / "cache")


def test_a_named_task_is_taken(toys: Path, catalog: Catalog, tmp_path: Path) -> None:
    found = found_by(TaskRequest("tumours", toys), catalog, tmp_path)
    assert found.spec is TUMOURS
    assert found.listing.root == toys
    assert len(found.listing.records) == 8
    assert found.recognised == ""


def test_a_data_set_goes_before_a_generic_layout(toys: Path, catalog: Catalog) -> None:
    assert recognise(toys, {}, catalog) == "tumours"


def test_what_was_recognised_is_said(toys: Path, catalog: Catalog, tmp_path: Path) -> None:
    found = found_by(TaskRequest(data=toys), catalog, tmp_path)
    assert found.spec.name == "tumours"
    assert found.recognised == f"took `{toys}` for `tumours`: The tumours"
    write_classes(tmp_path / "others", {"benign": 2, "early": 2, "pro": 2})
    found = found_by(TaskRequest(data=tmp_path / "others"), catalog, tmp_path)
    assert found.spec.classes == ("benign", "early", "pro")
    assert found.recognised.endswith("for `folder`: the layout of folder")


@pytest.mark.parametrize(
    ("number", "task"), [(1, "tumours"), (4, "tumours"), (5, "folder"), (40, "folder")]
)
def test_the_number_of_images_tells_a_data_set_from_its_layout(
    tmp_path: Path, catalog: Catalog, number: int, task: str
) -> None:
    """Many data sets have a folder `yes` and a folder `no`."""
    write_classes(tmp_path / "data", {"no": number, "yes": number})
    assert recognise(tmp_path / "data", {}, catalog) == task


def test_too_few_images_are_another_data_set(tmp_path: Path) -> None:
    large = replace(TUMOURS, expected_counts={"no": 100, "yes": 100})
    write_classes(tmp_path / "data", {"no": 4, "yes": 4})
    assert recognise(tmp_path / "data", {}, catalog_of(large, ANYTHING)) == "folder"
    (tmp_path / "data" / "SYNTHETIC.txt").touch()
    assert recognise(tmp_path / "data", {}, catalog_of(large, ANYTHING)) == "tumours"


def test_two_data_sets_that_fit_are_both_named(toys: Path) -> None:
    catalog = catalog_of(TUMOURS, replace(TUMOURS, name="lesions"), ANYTHING)
    with pytest.raises(DataError, match=r"could be any of `lesions`, `tumours`"):
        recognise(toys, {}, catalog)


def test_generic_layouts_are_tried_in_the_order_of_their_listing(
    table: Path, catalog: Catalog
) -> None:
    write_picture(table / "a" / "x.png", 1)
    assert recognise(table, {}, catalog) == "csv"
    (table / "labels.csv").unlink()
    assert recognise(table, {}, catalog) == "folder"


def test_an_option_leaves_the_tasks_that_take_it(table: Path, catalog: Catalog, toys: Path) -> None:
    write_picture(table / "a" / "x.png", 1)
    assert recognise(table, {"column": "label"}, catalog) == "csv"
    assert recognise(toys, {"only": "no"}, catalog) == "folder"


def test_a_data_set_is_recognised_with_its_own_option(toys: Path, tmp_path: Path) -> None:
    class Slices(Folders):
        def __init__(self, slices: str = "one") -> None:
            super().__init__()

    catalog = catalog_of(replace(TUMOURS, factory=Slices, options=(SLICES,)), ANYTHING)
    assert recognise(toys, {"slices": "all"}, catalog) == "tumours"


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_that_fits_says_what_was_expected(
    tmp_path: Path, catalog: Catalog, empty: bool
) -> None:
    (tmp_path / "data").mkdir()
    if not empty:
        (tmp_path / "data" / "thesis.txt").touch()
    with pytest.raises(DataError, match="no layout that is known here: expected") as caught:
        recognise(tmp_path / "data", {}, catalog)
    assert "--task" in (caught.value.hint or "")


def test_a_missing_folder_is_named(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(DataError, match=r"no such folder: `.*gone`"):
        recognise(tmp_path / "gone", {}, catalog)


def test_a_file_is_given_to_a_task_that_takes_files(
    table: Path, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for request in (
        TaskRequest(data=table / "other.csv"),
        TaskRequest("csv", table / "other.csv"),
        TaskRequest("csv", table, options={"file": "other.csv"}),
    ):
        found = found_by(request, catalog, tmp_path)
        assert found.spec.name == "csv"
        assert found.listing.root == table
        assert len(found.listing.records) == 4
    monkeypatch.chdir(table)
    assert (
        len(found_by(TaskRequest(data=Path("other.csv")), catalog, tmp_path).listing.records) == 4
    )


def test_a_file_is_refused_where_a_folder_is_wanted(
    toys: Path, catalog: Catalog, tmp_path: Path
) -> None:
    (toys / "scans.zip").touch()
    with pytest.raises(DataError, match="is a file; expected a folder"):
        found_by(TaskRequest("tumours", toys / "scans.zip"), catalog, tmp_path)
    with pytest.raises(DataError, match="no layout that is known"):
        found_by(TaskRequest(data=toys / "scans.zip"), catalog, tmp_path)


def test_a_sample_is_of_the_named_task(catalog: Catalog, tmp_path: Path) -> None:
    found = found_by(TaskRequest("tumours", sample=True), catalog, tmp_path)
    assert found.listing.root.is_relative_to(tmp_path / "cache")
    assert {record.label for record in found.listing.records} == {"no", "yes"}


@pytest.mark.parametrize("names", [(), ("only",)])
def test_fewer_than_two_classes_are_refused(
    tmp_path: Path, catalog: Catalog, names: tuple[str, ...]
) -> None:
    write_classes(tmp_path / "data", dict.fromkeys(("only",), 2))
    options = {"only": "only"} if not names else {}
    with pytest.raises(
        DataError, match=rf"holds {len(names)} class\(es\) for task `folder`"
    ) as told:
        found_by(TaskRequest("folder", tmp_path / "data", options=options), catalog, tmp_path)
    assert told.value.hint == "the layout is: the layout of folder"


def test_external_images_follow_those_of_the_task(
    toys: Path, catalog: Catalog, tmp_path: Path
) -> None:
    write_classes(tmp_path / "elsewhere", {"no": 1, "yes": 2})
    request = TaskRequest("tumours", toys, external=tmp_path / "elsewhere")
    listing = found_by(request, catalog, tmp_path).listing
    assert listing.num_external == 3
    assert [record.split for record in listing.records[-3:]] == ["test"] * 3


def test_an_external_folder_that_is_the_same_is_refused(
    toys: Path, catalog: Catalog, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(toys, target_is_directory=True)
    for external in (toys, tmp_path / "link"):
        with pytest.raises(DataError, match="external test folder is the data set's own"):
            found_by(TaskRequest("tumours", toys, external=external), catalog, tmp_path)


def test_external_images_of_other_classes_are_refused(catalog: Catalog, tmp_path: Path) -> None:
    write_classes(tmp_path / "home", {"benign": 2, "early": 2})
    write_classes(tmp_path / "other", {"benign": 2, "late": 2})
    request = TaskRequest("folder", tmp_path / "home", external=tmp_path / "other")
    with pytest.raises(DataError, match="gave the label `late`; expected one of benign, early"):
        found_by(request, catalog, tmp_path)


def test_a_request_that_names_nothing_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    for request in (
        TaskRequest(),
        TaskRequest(sample=True),
        TaskRequest(sample=True, data=tmp_path),
    ):
        with pytest.raises(ConfigurationError) as caught:
            request.check(catalog)
        assert "--task NAME" in (caught.value.hint or "")
    with pytest.raises(ConfigurationError, match="either it or --data"):
        TaskRequest("tumours", tmp_path, sample=True).check(catalog)
    with pytest.raises(UnknownNameError, match="unknown task `tumour`"):
        TaskRequest("tumour", tmp_path).check(catalog)


def test_unknown_options_are_all_named_with_those_that_are_known() -> None:
    many = spec("ct", Folders, options=(SLICES, COLUMN))
    with pytest.raises(ConfigurationError) as caught:
        check_options(many, {"slice": "one", "colour": "red", "slices": "some", "column": "x"})
    assert "`ct` has no option `slice`; did you mean `slices`?" in caught.value.message
    assert "no option `colour`" in caught.value.message
    assert "option `slices` is `some`, expected one of one, all" in caught.value.message
    assert "option `column`" not in caught.value.message
    assert caught.value.hint == "its options are slices, column"
    with pytest.raises(ConfigurationError) as caught:
        check_options(TUMOURS, {"slices": "all"})
    assert caught.value.hint == "it takes no options"
    check_options(many, {"slices": "all", "column": "anything"})


def test_a_task_gets_its_options(table: Path, catalog: Catalog, tmp_path: Path) -> None:
    made: list[dict[str, str]] = []

    def factory(**options: str) -> Dataset:
        made.append(options)
        return Table(**options)

    catalog = catalog_of(replace(TABLES, factory=factory))
    found_by(TaskRequest("csv", table, options={"column": "x"}), catalog, tmp_path)
    assert made == [{"column": "x"}]
