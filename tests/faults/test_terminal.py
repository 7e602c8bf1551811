"""Ctrl-C, SIGTERM and a terminal that goes away each end a search cleanly."""

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

import automedimg
from tests.faults.chains import TRIALS, command, make_data

HEARS_HANGUP = ("env", "--default-signal=HUP")
"""Under `nohup`, a child would be deaf to what this is about."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("terminal"))


def wait_for_trials(out: Path, number: int, timeout_s: float = 120) -> None:
    """Wait until so many trials have begun."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if len(list(out.glob("trials/*"))) >= number:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{number} trials did not begin")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.faults)]
)
def test_an_interrupted_search_ends_with_the_best_so_far(data: Path, tmp_path: Path, number: int):
    process = subprocess.Popen(
        [*command(data, tmp_path / "run"), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_trials(tmp_path / "run", 2)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=120)
    result = json.loads(stdout)
    assert process.returncode == 0, stderr
    assert result["stopped_by"] == "interrupted"
    assert result["trials"]["complete"] >= 1
    assert "Traceback" not in stderr


def test_a_terminal_that_goes_away_ends_the_search_cleanly(data: Path, tmp_path: Path):
    """The live view is drawn on a terminal whose other end is then closed."""
    ours, theirs = pty.openpty()
    line = [word for word in command(data, tmp_path / "run") if word != "--quiet"]
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *HEARS_HANGUP, *line],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    until = time.monotonic() + 120
    while len(list((tmp_path / "run").glob("trials/*"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
        try:
            os.read(ours, 65536)
        except BlockingIOError:
            continue
    os.close(ours)  # the system sends SIGHUP
    process.wait(timeout=120)
    run = automedimg.open_run(tmp_path / "run")
    assert run.result is not None
    assert run.result["stopped_by"] == "interrupted"
    assert (run.folder / "report.html").is_file()
    more = automedimg.resume(run.folder)
    assert len(more.trials) == TRIALS
