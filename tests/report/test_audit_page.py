"""The audit's page as a reader meets it, with hostile names and with half of the keys missing."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from automedimg.errors import RunError
from automedimg.report.audit_gallery import MOST_SETS, SIDE, data_uri
from automedimg.report.audit_page import write_audit
from automedimg.report.audit_render import split_headline

HOSTILE = "no/<script>alert(1)</script>\"'&.jpg"
VOID = {"meta", "img", "br"}
SECTIONS = (
    *("verdict", "counts", "files", "splits", "shortcut", "copies"),
    *("conflicts", "blank", "unreadable", "warnings"),
)


def audit(**changes):
    auc = {"value": 0.961, "low": 0.94, "high": 0.98}
    columns = [
        {"name": "width", "auc": 0.95, "low": 0.93, "high": 0.97},
        {"name": "<mode>", "auc": 0.51, "low": None, "high": None},
    ]
    return {
        "headline": "SHORTCUT: `width` gives it away. " + "It is so. " * 20 + "LEAK: 12 of 20.",
        "task": "<b>brains</b>",
        "recognised": "taken as `folder`",
        "synthetic": False,
        "images": 3000,
        "classes": {"no": 2500, "<i>yes</i>": 500},
        "unreadable": [{"path": HOSTILE, "reason": "truncated <eof>"}],
        "duplicates": [["a#1", "a#2"]],
        "near_duplicates": [[f"no/{n}.jpg" for n in range(12)], [HOSTILE, "no/x.jpg"]],
        "label_conflicts": [["no/1.jpg", "no/2.jpg", "yes/3.jpg"]],
        "labels_of": {"no/1.jpg": "no", "no/2.jpg": "no", "yes/3.jpg": "<i>yes</i>"},
        "groups": 320,
        "images_with_copies": 2874,
        "patients": None,
        "patients_with_several_labels": 0,
        "blank": ["no/blank.png"],
        "sizes": {
            **{"smallest": [150, 198], "median": [225, 225], "largest": [1920, 1080]},
            **{"distinct": 291, "common": [{"width": 225, "height": 225, "images": 300}]},
        },
        "modes": {"RGB": 2999, "P": 1},
        "formats": {"JPEG": 3000},
        "bits": {"8": 3000},
        "compressions": {f"quality {n}": 1 for n in range(30)},
        "intensity": {"darkest": 0.0, "brightest": 243, "mean": 71.4, "stored": [0.0, 255.0]},
        "imbalance": {"ratio": 5.0, "largest": "no", "smallest": "<i>yes</i>"},
        "warnings": [
            {"code": "burned-in", "text": "a name <here>", "images": 1, "examples": ["no/x.jpg"]}
        ],
        "splits": {
            "train": {"images": 2000, "groups": 200, "classes": {"no": 1600, "<i>yes</i>": 400}},
            "test": {"images": 1000, "groups": 120, "classes": {"no": 900, "<i>yes</i>": 100}},
        },
        "leakage": {
            **{"protocol": "random", "test_images": 600, "leaking_images": 580},
            **{"percent": 96.67, "torn_groups": 176, "torn_patients": 0},
        },
        "shortcut": {
            **{"auc": auc, "columns": columns, "carried_by": ["width"], "folds": 5},
            **{"images": 3000, "groups": 320, "verdict": "`width` tells.", "level": "strong"},
            **{"reason": None, "constant": ["bits"], "auc_random_split": 0.99},
            **{"sampled_from": {"images": 9000, "groups": 700}},
        },
    } | changes


def picture(name):
    return Image.new("L", (300, 200), len(name)) if name.endswith((".jpg", "#1", "#2")) else None


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def of(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


@pytest.fixture
def page(tmp_path: Path):
    def made(told=None, pictures=picture) -> Page:
        path = write_audit(tmp_path, audit() if told is None else told, pictures)
        return Page(path.read_text(encoding="utf-8"))

    return made


CASES = {
    "full": {},
    "synthetic": {"synthetic": True},
    "unmeasured": {"shortcut": {"auc": None, "level": "none", "verdict": "constant"}},
    "undefined": {"shortcut": {"auc": None, "level": "unknown", "columns": [], "folds": None}},
    "no interval": {"shortcut": {"auc": {"value": 1.0, "low": None, "high": None}, "columns": []}},
    "anti": {"shortcut": {"auc": {"value": 0.03, "low": 0.0, "high": 0.1}, "columns": []}},
    "empty": {key: [] for key in ("duplicates", "near_duplicates", "label_conflicts", "blank")},
    "nulls": dict.fromkeys(["splits", "leakage", "shortcut", "sizes", "warnings", "classes"]),
}


@pytest.mark.parametrize("case", CASES)
def test_every_audit_gives_a_whole_and_safe_page(page, case):
    seen = page(audit(**CASES[case]))
    assert not seen.open
    assert set(SECTIONS) <= set(seen.of("id"))
    assert len(seen.of("id")) == len(set(seen.of("id")))
    assert not {"script", "iframe", "object", "link"} & set(seen.tags)
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert not re.search(r"\b(nan|NaN|inf|Undefined|None)\b", seen.text.replace("None found", ""))
    assert all(target[1:] in seen.of("id") for target in seen.of("href"))


@pytest.mark.parametrize("key", audit())
def test_any_key_may_be_absent(page, key):
    told = audit()
    del told[key]
    assert not page(told).open


def test_an_empty_audit_says_what_is_not_known(page):
    seen = page({})
    assert seen.text.count("not known") == 5
    assert "Copies were not looked for." in seen.text


def test_names_labels_and_reasons_are_escaped(page):
    seen = page()
    for text in (HOSTILE, "truncated <eof>", "<i>yes</i>", "<b>brains</b>", "a name <here>"):
        assert text in seen.text
    assert not {"script", "i", "eof", "here"} & set(seen.tags)


def test_nothing_is_loaded_from_elsewhere(page):
    seen = page()
    assert seen.of("src")
    assert all(source.startswith("data:image/jpeg;base64,") for source in seen.of("src"))
    assert "default-src 'none'" in " ".join(seen.of("content"))


def test_what_matters_stands_first(page):
    text = page().text
    places = [
        text.index(words)
        for words in (
            *("SHORTCUT: width gives it away.", "LEAK: 12 of 20.", "96.7 %", "Counts"),
            *("Files", "What metadata alone give away", "0.961 (0.940 to 0.980)"),
        )
    ]
    assert places == sorted(places)


def test_copies_stand_side_by_side_and_the_rest_is_counted(page):
    seen = page()
    assert "12 images near-copies, 4 more not shown" in seen.text
    assert "no/7.jpg" in seen.of("alt")
    assert "no/8.jpg" not in seen.of("alt")
    assert {"a#1", "a#2"} <= set(seen.of("alt"))


def test_of_very_many_sets_some_are_shown(page):
    sets = [[f"{n}a.jpg", f"{n}b.jpg"] for n in range(300)]
    seen = page(audit(near_duplicates=sets, label_conflicts=[], blank=[]))
    assert seen.tags.count("img") == 2 * MOST_SETS
    assert f"Shown are {MOST_SETS} of these 301 sets" in seen.text


def test_a_conflict_shows_each_label_first(page):
    names = [f"no/{n}.jpg" for n in range(10)] + ["yes/a.jpg"]
    labels = {name: name.split("/")[0].upper() for name in names}
    told = {"label_conflicts": [names], "labels_of": labels}
    seen = page(told)
    assert seen.of("alt")[:2] == ["no/0.jpg", "yes/a.jpg"]
    assert "NO" in seen.text and "YES" in seen.text


def test_images_that_may_show_a_name_are_not_shown(page):
    asked = []
    seen = page(pictures=lambda name: asked.append(name) or picture(name))
    assert "no/x.jpg" not in asked
    assert "withheld: may show a name" in seen.text


def test_a_picture_that_fails_costs_only_itself(page):
    def broken(name):
        raise OSError("gone")

    seen = page(pictures=broken)
    assert "img" not in seen.tags
    assert "no picture" in seen.text


def test_drawings_are_well_formed(tmp_path):
    html = write_audit(tmp_path, audit(), picture).read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(drawings) == 1
    root = ElementTree.fromstring(drawings[0])
    assert len(root.findall(".//circle")) == 3
    assert len(root.findall(".//line[@class='whisker']")) == 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16"])
def test_pictures_of_any_mode_become_small(mode):
    uri = data_uri(Image.new(mode, (700, 350)))
    shown = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert shown.size == (SIDE, SIDE // 2)


def test_deep_greys_are_stretched_to_be_seen():
    values = np.linspace(-1000, 3000, 64 * 64, dtype=np.float32).reshape(64, 64)
    uri = data_uri(Image.fromarray(values))
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert shown.min() < 10 and shown.max() > 245


def test_where_the_page_goes(tmp_path):
    assert write_audit(tmp_path / "new", {}, picture) == tmp_path / "new" / "audit.html"
    assert write_audit(tmp_path / "deep" / "x.html", {}, picture) == tmp_path / "deep" / "x.html"
    (tmp_path / "file").write_text("here")
    with pytest.raises(RunError):
        write_audit(tmp_path / "file" / "x.html", {}, picture)


def test_a_failing_write_leaves_the_old_page(tmp_path, monkeypatch):
    path = write_audit(tmp_path, audit(), picture)
    old = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("automedimg.data.files.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_audit(tmp_path, {}, picture)
    assert path.read_bytes() == old


def test_a_long_headline_is_divided_by_findings():
    assert split_headline("Short. Sweet.") == ("Short. Sweet.", [])
    long = "SHORTCUT: AUC 0.9. " + "Words. " * 30 + "LEAK: 5. Really."
    first, rest = split_headline(long)
    assert first == "SHORTCUT: AUC 0.9."
    assert rest[-1] == "LEAK: 5. Really."
