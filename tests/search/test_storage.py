"""A ledger on a real PostgreSQL server, and two processes on one search."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial

import automedimg
from automedimg.errors import ConfigurationError, RunError
from automedimg.search import presence
from tests.search.postgres import server
from tests.search.small_search import phantoms, search

pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server() as found:
        yield found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantoms(tmp_path_factory.mktemp("storage") / "data")


def joining(data: Path, out: Path, url: str, trials: int) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-m", "automedimg", "search", "--task", "br35h", "--data", str(data)),
        *("--out", str(out), "--cache-dir", str(data.parent / "cache"), "--offline", "--json"),
        *("--backbones", "custom_cnn", "--image-size", "32", "--epochs", "2", "--fix", "blocks=3"),
        *("--fix", "filters=8", "--fix", "augmentation=0", "--fix", "kernel_size=3"),
        *("--storage", url, "--trials", str(trials)),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def trials_of(url: str, name: str) -> list[FrozenTrial]:
    """What the server knows; nothing while there is no such study."""
    storage = optuna.storages.RDBStorage(url)
    try:
        return optuna.load_study(study_name=name, storage=storage).trials
    except KeyError:
        return []
    finally:
        storage.engine.dispose()


def owners(url: str, run: automedimg.Run) -> dict[int, str]:
    found = [t for t in trials_of(url, run.config["study"]) if "result" in t.user_attrs]
    return {trial.number: trial.user_attrs["owner"] for trial in found}


@pytest.mark.slow
def test_a_search_on_a_server_equals_one_in_a_file(data: Path, url: str, tmp_path: Path):
    run = search(data, tmp_path / "run", trials=3, storage=url)
    plain = search(data, tmp_path / "plain", trials=3)
    assert [(t.number, t.params, t.value) for t in run.trials] == [
        (t.number, t.params, t.value) for t in plain.trials
    ]
    assert not (run.folder / "study.journal").exists()
    for path in run.folder.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".html", ".txt", ".md"):
            assert "s3cret" not in path.read_text(encoding="utf-8"), path
    with pytest.raises(RunError, match="can't be used"):
        automedimg.resume(run.folder)  # the password is not in the run directory
    more = automedimg.resume(run.folder, storage=url, trials=4, extend=True)
    assert [t.number for t in more.trials] == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_second_process_joins(data: Path, url: str, tmp_path: Path):
    first = joining(data, tmp_path / "run", url, trials=8)
    time.sleep(1.0)
    second = joining(data, tmp_path / "run", url, trials=8)
    answers = [process.communicate(timeout=240) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), answers
    verdicts = [stdout for stdout, _ in answers if stdout]
    assert len(verdicts) == 1
    assert json.loads(verdicts[0])["trials"] == {"complete": 8, "pruned": 0, "failed": 0} or (
        sum(json.loads(verdicts[0])["trials"].values()) == 8
    )
    run = automedimg.open_run(tmp_path / "run")
    found = owners(url, run)
    assert len(found) == 8
    assert len(set(found.values())) == 2
    assert any("joined another process" in stderr for _, stderr in answers)


@pytest.mark.slow
def test_what_a_dead_process_left_is_taken_up(
    data: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(presence.Presence.__init__, "__defaults__", (4.0,))
    other: list[subprocess.Popen[str]] = []

    def join_and_die() -> None:
        while not (tmp_path / "run" / "run.json").is_file():
            time.sleep(0.1)
        other.append(joining(data, tmp_path / "run", url, trials=10))
        name = json.loads((tmp_path / "run" / "run.json").read_text())["study"]
        while len({t.user_attrs.get("owner") for t in trials_of(url, name)} - {None}) < 2:
            time.sleep(0.1)
        other[0].kill()

    killer = threading.Thread(target=join_and_die)
    killer.start()
    run = search(data, tmp_path / "run", trials=10, storage=url)
    killer.join()
    other[0].communicate()
    assert [t.number for t in run.trials] == list(range(10))
    assert all(t.state != "failed" for t in run.trials)


@pytest.mark.slow
def test_one_that_joined_takes_the_place_of_the_one_that_led(data: Path, url: str, tmp_path: Path):
    out = tmp_path / "run"
    first = joining(data, out, url, trials=12)
    while not (out / "run.json").is_file():
        time.sleep(0.1)
        assert first.poll() is None, first.communicate()
    second = joining(data, out, url, trials=12)
    name = json.loads((out / "run.json").read_text())["study"]
    while len({t.user_attrs.get("owner") for t in trials_of(url, name)} - {None}) < 2:
        time.sleep(0.1)
        assert second.poll() is None, second.communicate()
    first.kill()
    first.communicate()
    answer, said = second.communicate(timeout=400)
    assert second.returncode == 0, said
    assert "this one takes its place" in said
    assert sum(json.loads(answer)["trials"].values()) == 12
    run = automedimg.open_run(out)
    assert [t.number for t in run.trials] == list(range(12))
    assert all(t.state != "failed" for t in run.trials)
    assert [s["ended"] is None for s in run.config["sessions"]] == [True, False]
    assert not (out / ".holder").exists()
    with pytest.raises(RunError):  # nobody holds it now: only the password is missing
        automedimg.resume(out)


def test_a_server_that_is_not_there_is_named(data: Path, tmp_path: Path):
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/nothing"
    with pytest.raises(RunError, match=r"me@127.0.0.1:1/nothing` can't be used") as caught:
        search(data, tmp_path / "run", trials=1, storage=url)
    assert "secret" not in str(caught.value)


def test_a_url_that_is_none_is_refused(data: Path, tmp_path: Path):
    with pytest.raises((ConfigurationError, RunError), match=r"can't be used|needs a database"):
        search(data, tmp_path / "run", trials=1, storage="nonsense")
