"""The five papers: their numbers of parameters, and each of them on synthetic images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import automedimg
from automedimg.papers.files import load_protocol
from automedimg.papers.parsing import parse_protocol

ADRENAL = {
    "vgg16": 15_241_025,
    "resnet50": 25_686_913,
    "mobilenetv2": 3_570_753,
    "convnexttiny": 28_608_609,
}

ONE = {
    "adrenal-balamurugan": "mobilenetv2",
    "br35h-jardim": "cnn",
    "dbt-renukaradhya": "vgg16--one--plain",
    "leukemia-zhang": "svm",
    "pcam-cancervisionnet": "table",
}
"""A setting of each that is quick."""


def counts(paper: str, *only: str) -> dict[str, tuple[int, int]]:
    models = automedimg.paper_plan(paper, only=only)["models"]
    return {m["name"]: (m["parameters"], m["trainable_parameters"]) for m in models}


def test_balamurugans_table_1() -> None:
    found = counts("adrenal-balamurugan")
    assert {name: found[name][0] for name in ADRENAL} == ADRENAL
    assert found["vgg16"][1] == 512 * 1024 + 1024 + 1024 + 1
    assert found["custom"] == (None, None)  # searched
    published = {m.name: m.parameters for m in load_protocol("adrenal-balamurugan").models}
    assert {name: published[name] for name in ADRENAL} == ADRENAL


def test_cancervisionnets_table_3() -> None:
    found = counts("pcam-cancervisionnet")
    assert found["table"] == (9_922_498 + 1_472, 9_922_498)
    assert found["separable"][1] < 9_922_498


@pytest.mark.parametrize("paper", ONE)
def test_one_setting_runs_on_synthetic_images(paper: str, tmp_path: Path) -> None:
    results = sample(paper, tmp_path, only=(ONE[paper],), protocols=("grouped",))
    check(results, tmp_path / "out")
    assert len(results["arms"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("paper", ONE)
def test_all_of_it_runs_on_synthetic_images(paper: str, tmp_path: Path) -> None:
    results = sample(paper, tmp_path)
    check(results, tmp_path / "out")
    protocol = load_protocol(paper)
    assert {arm["model"] for arm in results["arms"]} == {model.name for model in protocol.models}
    assert {arm["split"] for arm in results["arms"]} == set(protocol.split.protocols)
    assert len(results["comparisons"]) == 2 * len(protocol.comparisons)
    assert len(results["ensembles"]) == 2 * len(protocol.ensembles)
    for figure in results["figures"]:
        if figure["score"] not in ("t", "p"):
            assert set(figure["ours"]) == set(protocol.split.protocols), figure


def sample(paper: str, folder: Path, **more: Any) -> dict[str, Any]:
    places = {"out": folder / "out", "cache_dir": folder / "cache", "download": False}
    return automedimg.paper(paper, sample=True, **places, **more)


def check(results: dict[str, Any], out: Path) -> None:
    assert results["failed"] == {}
    assert results["runs"]["finished"] == results["runs"]["planned"]
    assert results["synthetic"] is True
    assert results["reductions"]
    for name, told in results["splits"].items():
        if told["protocol"] == "grouped":
            assert told["leaking_test"] == told["leaking_validation"] == 0, name
    page = (out / "paper.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" in page
    assert not re.search(r">\s*(?:nan|None)\s*<", page)
    for arm in results["arms"]:
        assert 0 <= arm["test"]["accuracy"]["mean"] <= 1
        assert arm["per_class"][-1]["name"] == "weighted"


def test_the_example_in_the_documentation_is_a_protocol() -> None:
    page = Path(__file__).parents[2] / "docs" / "papers.md"
    (text,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    protocol = parse_protocol(text, Path("example.toml"))
    assert [model.name for model in protocol.models] == ["cnn", "mobilenet"]
    assert protocol.models[1].parameters == 1_832_976 + 2 * 768 + 2
