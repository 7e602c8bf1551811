"""The page as a reader meets it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from report_runs import NASTY_CLASS, Options, write_run

from automedimg.report import write_report

SECTIONS = (
    *("verdict", "scores", "roc", "confusion", "parameters", "progress"),
    *("learning", "trials", "data", "making", "citation"),
)
VOID = {"meta", "link", "img", "br", "hr", "input"}
FOUR = ("benign", NASTY_CLASS, "pre & post", "pro")


class Page(HTMLParser):
    """Visible text, the elements' names and ids, and whether tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


KINDS = {
    "grouped": {},
    "random": {"protocol": "random"},
    "synthetic": {"synthetic": True},
    "four": {"classes": FOUR},
    "ten": {"classes": tuple(f"class {index}" for index in range(10))},
    "minimize": {"direction": "minimize"},
    "unfinished": {"finished": False, "num_trials": 11},
    "first": {"finished": False, "num_trials": 1},
    "empty": {"finished": False, "num_trials": 0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_gives_a_whole_and_safe_page(render, kind):
    html = render(**KINDS[kind])
    page = Page(html)
    assert not page.open
    assert [name for name in SECTIONS if name not in page.ids] == []
    assert len(page.ids) == len(set(page.ids))
    assert not {"script", "img", "iframe", "object", "link"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    # "None of the 600 test images" is a sentence, not a missing value.
    assert not re.search(r"\b(nan|NaN|inf|None(?! of)|Undefined)\b", page.text)
    assert not re.search(r"\b(nan|inf|None)\b", " ".join(value for _, value in page.attributes))
    assert "Not a medical device." in page.text


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_well_formed(render, kind):
    for drawing in re.findall(r"<svg.*?</svg>", render(**KINDS[kind]), re.DOTALL):
        ElementTree.fromstring(drawing)


def test_data_is_escaped(render):
    html = render(classes=FOUR)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jpg" in html
    assert "&lt;img src=x onerror=alert(2)&gt;" in html
    assert "&lt;/text&gt;&lt;script&gt;" in html


def test_nothing_is_loaded_from_elsewhere(render):
    html = render()
    page = Page(html)
    addresses = [v for name, v in page.attributes if name in ("src", "href", "srcset", "data")]
    outside = [value for value in addresses if not value.startswith("#")]
    assert outside == ["https://www.kaggle.com/datasets/ahmedhamada0/brain-tumor-detection"]
    assert "url(" not in html
    assert "@import" not in html


def test_the_contents_lead_to_sections(render):
    page = Page(render())
    targets = [v[1:] for name, v in page.attributes if name == "href" and v.startswith("#")]
    assert targets and set(targets) <= set(page.ids)


def test_a_strange_source_address_is_no_link(render):
    source = {"citation": "Somebody", "url": "javascript:alert(1)", "licence": None}
    page = Page(render(run={"source": source}))
    assert "javascript:alert(1)" in page.text
    assert not [v for name, v in page.attributes if name == "href" and "javascript" in v]


def test_only_the_name_of_the_data_folder_is_told(render):
    html = render()
    assert "Br35H" in html
    assert "somebody-private" not in html


def test_the_report_appears_whole(tmp_path: Path):
    folder = tmp_path / "run"
    trials = write_run(folder, Options(num_trials=3))
    before = {path.name for path in folder.iterdir()}
    first = write_report(folder, trials)
    assert write_report(folder, trials) == first == folder / "report.html"
    assert {path.name for path in folder.iterdir()} - before == {"report.html"}


def test_a_failing_write_leaves_the_old_report(tmp_path: Path, monkeypatch):
    folder = tmp_path / "run"
    trials = write_run(folder, Options(num_trials=3))
    path = write_report(folder, trials)
    old = path.read_text(encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("automedimg.data.files.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(folder, [])
    assert path.read_text(encoding="utf-8") == old
    assert not list(folder.glob("*.tmp")) + list(folder.glob(".*.tmp"))
