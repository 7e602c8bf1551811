"""The example plugin, found the way an installed package is, without installing anything."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "examples" / "automedimg-example"
COMPONENTS = {"datasets": "shapes", "backbones": "tiny", "metrics": "kappa", "strategies": "halton"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with what an installer would put into site-packages."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    (source,) = (PACKAGE / "src").iterdir()
    shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    info = folder / f"{source.name}-{project['version']}.dist-info"
    info.mkdir()
    name, version = project["name"], project["version"]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {value}\n" for key, value in project["entry-points"]["automedimg"].items()]
    (info / "entry_points.txt").write_text("[automedimg]\n" + "".join(lines))
    return folder


@pytest.fixture
def command(site, tmp_path):
    """Run `automedimg` with the plugin on its path; the cache and the log are the test's own."""

    def run(*arguments, module="automedimg"):
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "AUTOMEDIMG_CACHE": str(tmp_path / "cache"),
            "AUTOMEDIMG_EXAMPLE_LOG": str(tmp_path / "trials.jsonl"),
        }
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )

    return run


def test_its_components_are_listed(command):
    done = command("plugins", "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    (plugin,) = (p for p in listed["plugins"] if p["name"] == "automedimg-example:example")
    assert plugin == {"name": "automedimg-example:example", "version": "0.1.0", "broken": None}
    for kind, name in COMPONENTS.items():
        (entry,) = (entry for entry in listed[kind] if entry["name"] == name)
        assert entry["plugin"] == "automedimg-example:example"
    assert not listed["conflicts"]


def test_its_task_is_listed(command):
    done = command("tasks", "--json")
    assert done.returncode == 0, done.stderr
    (task,) = (task for task in json.loads(done.stdout) if task["name"] == "shapes")
    assert (task["classes"], task["positive"]) == (["disc", "square"], "square")


def test_its_readme_names_every_component():
    readme = (PACKAGE / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in COMPONENTS.values())


@pytest.mark.slow
def test_its_own_tests_pass(command):
    done = command("-q", "-p", "no:cacheprovider", str(PACKAGE), module="pytest")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_search_runs_with_it(command, tmp_path):
    narrowed = ["--backbones", "tiny", "--strategy", "halton", "--metric", "kappa"]
    limits = ["--trials", "2", "--epochs", "3", "--offline", "--json"]
    done = command("search", "--task", "shapes", "--sample", "--out", "run", *narrowed, *limits)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["trials"] == {"complete": 2, "pruned": 0, "failed": 0}
    assert result["best"]["params"]["backbone"] == "tiny"
    assert "kappa" in result["test"]
    lines = (tmp_path / "trials.jsonl").read_text().splitlines()
    assert [json.loads(line)["trial"] for line in lines] == [0, 1]


@pytest.mark.slow
def test_quickstart_runs(tmp_path):
    script = PACKAGE.parent / "quickstart.py"
    environment = {**os.environ, "AUTOMEDIMG_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "test AUC" in done.stdout
    assert (tmp_path / "run" / "report.html").is_file()
