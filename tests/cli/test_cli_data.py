"""Commands about data: what is in them, and how they are split."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

import automedimg.api.images
import automedimg.api.searching
import automedimg.cli.tasks
from automedimg.contracts import (
    Dataset,
    DatasetSpec,
    Record,
    SetAside,
    Source,
    TaskOption,
    hookimpl,
)
from automedimg.evaluation import auditing
from automedimg.registry import Catalog, load_catalog

Cli = Callable[..., Any]


def write(path: Path, seed: int) -> None:
    """A smooth random picture: other seeds give unrelated ones."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(64, 64)), 1.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((128 + 25 * noise / noise.std()).clip(0, 255).astype(np.uint8)).save(path)


class Folders(Dataset):
    """A folder for each class, whatever they are called; what stands before `@` is the patient."""

    def __init__(self, leave_out: str = "") -> None:
        self.leave_out = leave_out

    def locate(self, folder: Path) -> Path | None:
        return folder if any(path.is_dir() for path in folder.iterdir()) else None

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        for path in sorted(root.glob("*/*.*")):
            label, name = path.parent.name, path.relative_to(root).as_posix()
            if label != self.leave_out:
                yield Record(name, label, path.name.split("@")[0] if "@" in path.name else None)
            elif path.name.startswith("0"):
                yield SetAside(name, "left out")

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        names = sorted(path.name for path in root.iterdir() if path.is_dir())
        return replace(spec, classes=tuple(name for name in names if name != self.leave_out))

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        fill(folder, benign=6, malignant=6)
        (folder / "SYNTHETIC.txt").write_text("drawn by a test")


def fill(folder: Path, **counts: int) -> Path:
    """Unrelated pictures of these classes, two of each patient."""
    for first, (label, number) in enumerate(sorted(counts.items())):
        for index in range(number):
            write(folder / label / f"{index:02d}.png", 1000 * first + index)
    return folder


@pytest.fixture(autouse=True)
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in; what is installed, but of tasks only one, which takes any folders."""
    spec = DatasetSpec(
        "anything",
        "Any images",
        Folders,
        (),
        Source("Me"),
        layout="a folder for each class",
        channels=1,
        options=(TaskOption("leave_out", "A class that is not looked at"),),
        generic=True,
    )
    monkeypatch.chdir(tmp_path)
    catalog = Catalog()
    catalog.add(SimpleNamespace(automedimg_datasets=hookimpl(lambda: [spec])), "demo")
    installed = load_catalog()
    monkeypatch.setattr(installed, "datasets", catalog.datasets)
    monkeypatch.setattr(automedimg.api.images, "load_catalog", lambda: installed)
    monkeypatch.setattr(automedimg.api.searching, "load_catalog", lambda: installed)
    monkeypatch.setattr(automedimg.cli.tasks, "load_catalog", lambda: installed)


NO_SHORTCUT = {
    "level": "none",
    "verdict": "Metadata alone say nothing.",
    "auc": {"value": None, "low": None, "high": None},
    "columns": [],
}


@pytest.fixture(autouse=True)
def quick(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for shortcuts takes seconds: only these tests really look."""
    really = ("test_a_folder_is_enough", "test_a_page_is_written_where_it_is_asked_for")
    if request.node.originalname not in really:
        monkeypatch.setattr(auditing, "find_shortcuts", lambda *_: NO_SHORTCUT)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    return fill(tmp_path / "my scans é", benign=10, malignant=10)


def lines_of(outcome: Any) -> list[str]:
    return [" ".join(line.split()) for line in outcome.out.splitlines()]


def test_a_folder_is_enough(cli: Cli, scans: Path) -> None:
    outcome = cli("audit", "--data", str(scans))
    assert outcome.status == 0
    lines = lines_of(outcome)
    assert lines[0].startswith("Nothing alarming")
    assert "images 20: benign 10, malignant 10" in lines
    assert any(line.startswith("split grouped: train") for line in lines)
    assert f"took `{scans}` for `anything`: a folder for each class" in " ".join(
        outcome.err.split()
    )


def test_json_is_json_alone(cli: Cli, scans: Path) -> None:
    outcome = cli("audit", "--data", str(scans), "--json")
    found = json.loads(outcome.out)
    assert next(iter(found)) == "headline"
    assert found["task"] == "anything"
    assert found["recognised"].startswith("took `")
    assert found["classes"] == {"benign": 10, "malignant": 10}
    assert {"leakage", "shortcut", "sizes", "intensity", "warnings", "splits"} <= set(found)
    assert json.loads(cli("audit", "--data", str(scans), "--json").out) == found


def test_options_reach_the_task(cli: Cli, scans: Path) -> None:
    fill(scans, other=3)
    arguments = ("audit", "--data", str(scans), "--json", "--option", "leave_out=other")
    found = json.loads(cli(*arguments).out)
    assert list(found["classes"]) == ["benign", "malignant"]
    assert found["unreadable"] == [
        {"path": f"other/{number:02d}.png", "reason": "left out"} for number in range(3)
    ]


@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ("leave_uot=x", "did you mean `leave_out`?", "its options are leave_out"),
        ("colour=red", "task `anything` has no option `colour`", "its options are leave_out"),
    ],
)
def test_an_unknown_option_is_named(
    cli: Cli, scans: Path, option: str, message: str, hint: str
) -> None:
    for command in ("audit", "search", "split"):
        outcome = cli(command, "--task", "anything", "--data", str(scans), "--option", option)
        assert outcome.status == 2
        error, tip = outcome.err.splitlines()[:2]
        assert message in error
        assert hint in tip
    assert not (Path.cwd() / "runs").exists()


def test_strict_is_for_scripts(cli: Cli, scans: Path) -> None:
    sound = cli("audit", "--data", str(scans), "--strict")
    assert sound.status == 0
    for number in range(10):
        image = Image.open(scans / "benign" / f"{number:02d}.png")
        image.save(scans / "benign" / f"copy of {number}.png")
    assert cli("audit", "--data", str(scans), "--strict").status == 0
    leaky = cli("audit", "--data", str(scans), "--strict", "--protocol", "random")
    assert leaky.status == 1
    assert "LEAK: " in leaky.out
    assert "error:" not in leaky.err
    assert cli("audit", "--data", str(scans), "--protocol", "random").status == 0
    Image.open(scans / "benign" / "00.png").save(scans / "malignant" / "same.png")
    conflict = cli("audit", "--data", str(scans), "--strict", "--json")
    assert conflict.status == 1
    assert len(json.loads(conflict.out)["label_conflicts"]) == 1


def test_a_page_is_written_where_it_is_asked_for(cli: Cli, scans: Path, tmp_path: Path) -> None:
    pytest.importorskip("automedimg.report.audit_page")
    outcome = cli("audit", "--data", str(scans), "--html", "page.html")
    assert outcome.status == 0
    assert "page page.html" in lines_of(outcome)
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert cli("audit", "--data", str(scans), "--json", "--html").status == 0
    assert (tmp_path / "audit.html").is_file()


def rows_of(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["split"] for row in csv.DictReader(file)}


def test_a_split_is_written_and_can_be_audited(cli: Cli, scans: Path, tmp_path: Path) -> None:
    outcome = cli("split", "--data", str(scans), "--out", str(tmp_path / "cv"), "--seed", "3")
    assert outcome.status == 0
    assert outcome.out == f"{tmp_path / 'cv' / 'splits.csv'}\n"
    sides = rows_of(tmp_path / "cv" / "splits.csv")
    assert len(sides) == 20
    assert set(sides.values()) == {"train", "validation", "test"}
    arguments = ("audit", "--data", str(scans), "--json", "--splits")
    found = json.loads(cli(*arguments, str(tmp_path / "cv" / "splits.csv")).out)
    assert found["leakage"]["protocol"] == "file"
    tested = sum(side == "test" for side in sides.values())
    assert found["splits"]["test"]["images"] == tested


def test_folds_test_each_image_once(cli: Cli, scans: Path, tmp_path: Path) -> None:
    outcome = cli("split", "--data", str(scans), "--out", str(tmp_path), "--folds", "4")
    paths = [Path(line) for line in outcome.out.splitlines()]
    assert [path.name for path in paths] == [f"splits-{number}.csv" for number in range(1, 5)]
    tested = [path for file in paths for path, side in rows_of(file).items() if side == "test"]
    assert len(tested) == len(set(tested)) == 20


def test_inner_folds_validate_each_image_once(cli: Cli, scans: Path, tmp_path: Path) -> None:
    arguments = ("--out", str(tmp_path), "--folds", "2", "--inner-folds", "3")
    outcome = cli("split", "--data", str(scans), *arguments)
    names = [Path(line).name for line in outcome.out.splitlines()]
    assert names == [f"splits-{outer}-{inner}.csv" for outer in (1, 2) for inner in (1, 2, 3)]
    found = [rows_of(tmp_path / f"splits-1-{inner}.csv") for inner in (1, 2, 3)]
    tested = {path for path, side in found[0].items() if side == "test"}
    validated = [path for sides in found for path, side in sides.items() if side == "validation"]
    assert len(validated) == len(set(validated))
    assert set(validated) | tested == set(found[0])


@pytest.mark.parametrize("more", [("--protocol", "random"), ("--external-test", "x")])
def test_folds_exclude_another_split(
    cli: Cli, scans: Path, tmp_path: Path, more: tuple[str, str]
) -> None:
    fill(tmp_path / "x", benign=2, malignant=2)
    given = (more[0], str(tmp_path / "x") if more[1] == "x" else more[1])
    outcome = cli("split", "--data", str(scans), "--folds", "2", "--out", str(tmp_path), *given)
    assert outcome.status == 2
    assert "folds are made by groups" in outcome.err
    assert not list(tmp_path.glob("*.csv"))


def test_an_external_folder_is_the_test_side(cli: Cli, scans: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    for label, first in (("benign", 5000), ("malignant", 6000)):
        for index in range(3):
            write(other / label / f"{index}.png", first + index)
    arguments = ("audit", "--data", str(scans), "--external-test", str(other), "--json")
    found = json.loads(cli(*arguments).out)
    assert found["leakage"]["protocol"] == "external"
    assert found["splits"]["test"]["images"] == 6
    assert found["images"] == 26
    # The hospital down the road sent some of ours.
    write(other / "benign" / "ours.png", 3)
    found = json.loads(cli(*arguments).out)
    assert found["leakage"]["leaking_images"] == 1
    assert found["headline"].startswith("LEAK: 1 of 7 test images")


def test_a_sample_can_be_audited(cli: Cli) -> None:
    found = json.loads(cli("audit", "--task", "anything", "--sample", "--json").out)
    assert found["synthetic"] is True
    assert found["images"] == 12


def test_a_folder_that_nothing_fits_is_explained(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for command in ("audit", "split", "search"):
        outcome = cli(command, "--data", str(tmp_path / "empty"))
        assert outcome.status == 1
        assert "has no layout that is known here" in outcome.err
        assert "Traceback" not in outcome.err


def test_a_task_lists_its_options(cli: Cli) -> None:
    said = cli("tasks", "anything").out
    assert "--option leave_out=..." in said
    assert "A class that is not looked at" in said
    (found,) = json.loads(cli("tasks", "--json").out)
    assert found["options"] == {"leave_out": "A class that is not looked at"}
    assert found["classes"] == []
    assert "from the data" in cli("tasks").out
