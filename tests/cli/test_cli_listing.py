"""What the command line lists, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import automedimg
import automedimg.cli.plugins
from automedimg.contracts import BackboneSpec, hookimpl
from automedimg.registry import Catalog

Cli = Callable[..., Any]
KINDS = ("datasets", "backbones", "heads", "strategies", "metrics", "executors")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(cli: Cli, arguments: tuple[str, ...]) -> None:
    outcome = cli(*arguments)
    assert outcome.status == 0
    assert outcome.err == ""
    for command in ("search", "audit", "split", "predict", "report", "tasks", "plugins"):
        assert f"\n  {command} " in outcome.out


@pytest.mark.parametrize(
    "command", ["search", "audit", "split", "predict", "report", "tasks", "plugins"]
)
def test_every_command_has_help(cli: Cli, command: str) -> None:
    outcome = cli(command, "--help")
    assert outcome.status == 0
    assert f"Usage: automedimg {command}" in outcome.out


def test_version(cli: Cli) -> None:
    assert automedimg.__version__ in cli("--version").out


def test_tasks_for_people(cli: Cli) -> None:
    outcome = cli("tasks")
    assert outcome.status == 0
    assert "br35h" in outcome.out
    assert "3000" in outcome.out
    assert "\x1b" not in outcome.out


def test_tasks_for_programs(cli: Cli) -> None:
    (task,) = [task for task in json.loads(cli("tasks", "--json").out) if task["name"] == "br35h"]
    assert task["classes"] == ["no", "yes"]
    assert task["positive"] == "yes"
    assert task["images"] == 3000
    assert json.loads(cli("tasks", "br35h", "--json").out) == task


def test_one_task_tells_source_layout_and_download(cli: Cli) -> None:
    said = cli("tasks", "br35h").out
    for fact in ("Hamada", "kaggle.com", "`yes/`", "licence"):
        assert fact in said


def test_plugins_for_people(cli: Cli) -> None:
    said = cli("plugins").out
    for name in ("br35h", "mobilenetv2", "dense", "tpe", "accuracy", "local"):
        assert name in said
    assert "broken" not in said
    assert "conflict" not in said


def test_plugins_for_programs(cli: Cli) -> None:
    found = json.loads(cli("plugins", "--json").out)
    assert set(found) == {"plugins", "conflicts", *KINDS}
    assert all(found[kind] for kind in KINDS)
    assert found["conflicts"] == []
    assert all(plugin["broken"] is None for plugin in found["plugins"])
    assert found["executors"][0] == {
        "name": "local",
        "summary": "Worker processes on this machine's GPUs or CPU",
        "plugin": "automedimg:executors",
    }


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog with a broken plugin and a name that is claimed twice."""
    catalog = Catalog()

    spec = BackboneSpec("twin", "A [bold]network[/bold]", object)  # type: ignore[arg-type]

    def fail() -> list[BackboneSpec]:
        raise RuntimeError("no licence [for you]")

    # Two functions: plugins that are equal count as one.
    for name, hook in (("one:x", lambda: [spec]), ("two:y", lambda: [spec]), ("bad:z", fail)):
        catalog.add(SimpleNamespace(automedimg_backbones=hookimpl(hook)), name)
    monkeypatch.setattr(automedimg.cli.plugins, "load_catalog", lambda: catalog)


def test_trouble_is_told_to_people(cli: Cli, troubled: None) -> None:
    said = " ".join(cli("plugins").out.split())
    assert "broken bad:z: automedimg_backbones: RuntimeError: no licence [for you]" in said
    assert "conflict `twin` (backbones) is claimed by one:x and two:y" in said
    assert "A [bold]network[/bold]" in said


def test_trouble_is_told_to_programs(cli: Cli, troubled: None) -> None:
    found = json.loads(cli("plugins", "--json").out)
    broken = {plugin["name"]: plugin["broken"] for plugin in found["plugins"]}
    assert broken["one:x"] is None
    assert "no licence" in broken["bad:z"]
    claim = {"kind": "backbones", "name": "twin", "plugins": ["one:x", "two:y"]}
    assert found["conflicts"] == [claim]


def test_an_audit_of_a_folder(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("no", "yes"):
        (tmp_path / "scans é" / label).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 255, (40, 40), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "scans é" / label / f"{number}.png")
    (tmp_path / "scans é" / "no" / "torn.jpg").touch()
    arguments = ("audit", "--task", "br35h", "--data", str(tmp_path / "scans é"))
    arguments += ("--cache-dir", str(tmp_path / "cache"))
    found = json.loads(cli(*arguments, "--json").out)
    assert found["classes"] == {"no": 4, "yes": 4}
    assert found["unreadable"] == [{"path": "no/torn.jpg", "reason": "empty file"}]
    assert found["leakage"]["leaking_images"] == 0
    assert found["synthetic"] is False
    outcome = cli(*arguments)
    assert outcome.status == 0
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert "images 8: no 4, yes 4" in lines
    assert "set aside 1: no/torn.jpg: empty file" in lines
    assert "1 file(s) can't be used." in lines[0]


def test_what_is_not_in_a_search_by_default_is_marked(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [BackboneSpec(n, "A network", object, default=n == "usual") for n in ("usual", "rare")]  # type: ignore[arg-type]
    catalog = Catalog()
    catalog.add(SimpleNamespace(automedimg_backbones=hookimpl(lambda: specs)), "demo")
    monkeypatch.setattr(automedimg.cli.plugins, "load_catalog", lambda: catalog)
    lines = {line.split()[0]: line for line in cli("plugins").out.splitlines() if line.strip()}
    assert "if named" in lines["rare"]
    assert "if named" not in lines["usual"]
    found = json.loads(cli("plugins", "--json").out)["backbones"]
    assert {each["name"]: each["default"] for each in found} == {"usual": True, "rare": False}
