"""The whole audit: what is said first, and what is measured once."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from automedimg.contracts import Dataset, DatasetSpec, Event, Record, Source, StageStarted
from automedimg.data.decoding import Wanted
from automedimg.data.dividing import SplitRequest
from automedimg.data.listing import list_records
from automedimg.data.prepare import PreparedData, prepare
from automedimg.errors import DataError
from automedimg.evaluation import auditing
from automedimg.evaluation.auditing import LateAudit, complete_audit, headline, shortcut_in_words


def shortcut(level: str = "none") -> dict[str, Any]:
    return {"level": level, "verdict": f"Width alone is {level}."}


def audit(**changes: Any) -> dict[str, Any]:
    """A data set that nothing is wrong with."""
    leakage = {"leaking_images": 0, "test_images": 20, "percent": 0.0, "protocol": "grouped"}
    quiet: dict[str, Any] = {
        "images": 100,
        "images_with_copies": 7,
        "label_conflicts": [],
        "unreadable": [],
        "leakage": leakage,
        "shortcut": shortcut(),
    }
    return quiet | changes


LEAK = {"leaking_images": 5, "test_images": 20, "percent": 25.0, "protocol": "random"}


def test_a_quiet_data_set_is_called_so() -> None:
    said = headline(audit())
    assert said.startswith("Nothing alarming")
    assert "7 of 100 images have a copy" in said


def test_what_matters_most_comes_first() -> None:
    said = headline(
        audit(
            shortcut=shortcut("strong"),
            leakage=LEAK,
            label_conflicts=[["a", "b"]],
            unreadable=[{"path": "x", "reason": "torn"}],
        )
    )
    places = [said.index(text) for text in ("SHORTCUT:", "LEAK: 5 of 20", "1 set(s)", "1 file(s)")]
    assert places == sorted(places)
    assert ".." not in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"leakage": LEAK}, "25.0 %"),
        ({"label_conflicts": [["a", "b"], ["c", "d"]]}, "2 set(s) of copies carry different"),
        ({"unreadable": [{}] * 3}, "3 file(s) can't be used"),
        ({"shortcut": shortcut("clear")}, "SHORTCUT: Width alone is clear"),
    ],
)
def test_each_alarm_is_an_alarm_of_its_own(change: dict[str, Any], text: str) -> None:
    said = headline(audit(**change))
    assert text in said
    assert "Nothing alarming" not in said


@pytest.mark.parametrize("level", ["weak", "none", "unknown"])
def test_a_weak_shortcut_is_no_alarm(level: str) -> None:
    assert shortcut_in_words(shortcut(level)) == ""


class Sizes(Dataset):
    """Images whose width gives the label away, or doesn't."""

    def __init__(self, telling: bool = True) -> None:
        self.telling = telling

    def locate(self, folder: Path) -> Path | None:
        return folder

    def records(self, root: Path) -> list[Record]:
        return [Record(path.name, path.name.split("-")[0]) for path in sorted(root.glob("*.png"))]

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        folder.mkdir()
        for number in range(60):
            label = ("no", "yes")[number % 2]
            wide = 40 + 20 * (number % 2) if self.telling else int(rng.choice([40, 60]))
            pixels = rng.integers(0, 256, (40, wide), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{label}-{number:02d}.png")


SPEC = DatasetSpec("sizes", "Sizes", Sizes, ("no", "yes"), Source("Me"), channels=1)


def prepared(folder: Path, *, telling: bool = True, seed: int = 0) -> PreparedData:
    if not (folder / "data").is_dir():
        Sizes(telling).write_sample(folder / "data")
    return prepare(
        SPEC,
        list_records(SPEC, Sizes(), folder / "data"),
        folder / "cache",
        wanted=Wanted(16, 1),
        how=SplitRequest(seed=seed),
        listener=lambda _: None,
    )


def complete(data: PreparedData, folder: Path, heard: list[Event] | None = None) -> dict[str, Any]:
    listener = (lambda _: None) if heard is None else heard.append
    return complete_audit(data, SPEC, "", folder / "cache", listener)


def test_a_label_that_the_size_gives_away_leads_the_audit(tmp_path: Path) -> None:
    heard: list[Event] = []
    found = complete(prepared(tmp_path), tmp_path, heard)
    assert found["headline"].startswith("SHORTCUT: ")
    assert found["shortcut"]["auc"]["value"] > 0.95
    assert found["shortcut"]["carried_by"] in (["width"], ["aspect"])
    assert next(iter(found)) == "headline"
    assert found["task"] == "sizes"
    assert found["recognised"] is None
    assert found["synthetic"] is False
    assert StageStarted("looking for shortcuts") in heard
    json.dumps(found, allow_nan=False)


def test_sizes_that_say_nothing_are_no_alarm(tmp_path: Path) -> None:
    found = complete(prepared(tmp_path, telling=False), tmp_path)
    assert found["headline"].startswith("Nothing alarming")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every measurement, which is replaced by a quick one."""
    sizes: list[int] = []

    def quick(columns: Any, labels: Any, groups: Any, num_classes: int) -> dict[str, Any]:
        sizes.append(len(labels))
        return shortcut("strong") | {"number": len(sizes)}

    monkeypatch.setattr(auditing, "find_shortcuts", quick)
    return sizes


def test_shortcuts_of_the_same_data_are_measured_once(tmp_path: Path, measured: list[int]) -> None:
    first = complete(prepared(tmp_path), tmp_path)
    assert complete(prepared(tmp_path), tmp_path) == first
    # The split is not part of the question.
    other = complete(prepared(tmp_path, seed=1), tmp_path)
    assert other["shortcut"] == first["shortcut"]
    assert measured == [60]


@pytest.mark.parametrize("content", ["", '{"level": "no', "nonsense"])
def test_a_damaged_measurement_is_made_again(
    tmp_path: Path, measured: list[int], content: str
) -> None:
    complete(prepared(tmp_path), tmp_path)
    (path,) = (tmp_path / "cache" / "audits").glob("*.json")
    path.write_text(content)
    assert complete(prepared(tmp_path), tmp_path)["shortcut"]["number"] == 2
    assert complete(prepared(tmp_path), tmp_path)["shortcut"]["number"] == 2


def test_other_labels_or_images_are_measured_anew(tmp_path: Path, measured: list[int]) -> None:
    complete(prepared(tmp_path), tmp_path)
    first = next((tmp_path / "data").glob("no-*.png"))
    first.rename(first.with_name(first.name.replace("no", "yes")))
    complete(prepared(tmp_path), tmp_path)
    next((tmp_path / "data").glob("yes-*.png")).unlink()
    complete(prepared(tmp_path), tmp_path)
    assert measured == [60, 60, 59]


def test_an_audit_that_nobody_waits_for_becomes_the_same(tmp_path: Path) -> None:
    data, heard = prepared(tmp_path), list[Event]()
    late = LateAudit(data, SPEC, "", tmp_path / "cache", heard.append)
    assert StageStarted("looking for shortcuts") in heard
    assert late.audit["shortcut"]["level"] in ("unknown", "strong")  # it may be done by now
    json.dumps(late.audit, allow_nan=False)
    assert late.news(wait=True)
    assert not late.news(wait=True)
    assert late.audit == complete(data, tmp_path)
    assert late.audit["headline"].startswith("SHORTCUT: ")


def test_a_measurement_that_is_not_done_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def slow(*_: Any) -> dict[str, Any]:
        done.wait(30)
        return shortcut("strong")

    monkeypatch.setattr(auditing, "find_shortcuts", slow)
    late = LateAudit(prepared(tmp_path), SPEC, "", tmp_path / "cache", lambda _: None)
    assert not late.news()
    assert late.audit["shortcut"]["level"] == "unknown"
    assert "still being measured" in late.audit["shortcut"]["verdict"]
    assert list((tmp_path / "cache" / "audits").glob("*.json")) == []
    done.set()
    assert late.news(wait=True)
    assert late.audit["shortcut"]["level"] == "strong"


def test_what_is_known_is_there_at_once(tmp_path: Path, measured: list[int]) -> None:
    expected = complete(prepared(tmp_path), tmp_path)
    late = LateAudit(prepared(tmp_path), SPEC, "", tmp_path / "cache", lambda _: None)
    assert late.audit == expected
    assert late.news()
    assert not late.news()
    assert measured == [60]


def test_a_failure_is_raised_where_the_audit_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> dict[str, Any]:
        raise DataError("no such column")

    monkeypatch.setattr(auditing, "find_shortcuts", fail)
    late = LateAudit(prepared(tmp_path), SPEC, "", tmp_path / "cache", lambda _: None)
    with pytest.raises(DataError, match="no such column"):
        late.news(wait=True)
