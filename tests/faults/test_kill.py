"""`kill -9`, Ctrl-C and SIGTERM in the middle of a search."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import automedimg
from tests.search.small_search import phantoms, search

TRIALS = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantoms(tmp_path_factory.mktemp("kill") / "data")


@pytest.fixture(scope="module")
def whole(data: Path) -> automedimg.Run:
    return search(data, data.parent / "whole", trials=TRIALS, epochs=4)


def start(data: Path, out: Path) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-m", "automedimg", "search", "--task", "br35h", "--data", str(data)),
        *("--out", str(out), "--cache-dir", str(data.parent / "cache"), "--offline", "--json"),
        *("--backbones", "custom_cnn", "--image-size", "32", "--epochs", "4"),
        *("--fix", "blocks=3", "--fix", "filters=8", "--fix", "augmentation=0"),
        *("--fix", "kernel_size=3", "--trials", str(TRIALS)),
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def wait_for_trials(out: Path, number: int, timeout_s: float = 90) -> None:
    """Wait until so many trials have begun."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if len(list(out.glob("trials/*"))) >= number:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{number} trials did not begin")


def outcome(run: automedimg.Run) -> list[tuple[int, object, object]]:
    return [(trial.number, dict(trial.params), trial.value) for trial in run.trials]


@pytest.mark.parametrize("delay", [0.0, pytest.param(0.3, marks=pytest.mark.faults)])
def test_a_killed_search_goes_on_as_if_nothing_had_happened(
    data: Path, whole: automedimg.Run, tmp_path: Path, delay: float
):
    process = start(data, tmp_path / "run")
    wait_for_trials(tmp_path / "run", 2)
    time.sleep(delay)
    process.kill()
    process.communicate()
    finished = {trial.number: trial for trial in automedimg.open_run(tmp_path / "run").trials}
    run = search(data, tmp_path / "run", trials=TRIALS, epochs=4)
    assert outcome(run) == outcome(whole)
    assert run.test_scores == whole.test_scores
    for trial in run.trials:
        if trial.number in finished:
            assert trial == finished[trial.number], "a finished trial was run again"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.faults)]
)
def test_an_interrupted_search_ends_with_the_best_so_far(data: Path, tmp_path: Path, number: int):
    process = start(data, tmp_path / "run")
    wait_for_trials(tmp_path / "run", 2)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=90)
    result = json.loads(stdout)
    assert process.returncode == 0, stderr
    assert result["stopped_by"] == "interrupted"
    assert result["trials"]["complete"] >= 1
    assert "Traceback" not in stderr
