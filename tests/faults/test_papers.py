"""A paper's run that is killed again and again comes to what one that never was has come to."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.chains import KILLER, make_data
from tests.papers.test_running import TINY

pytestmark = pytest.mark.faults

KILLS, MOST_EVENTS = 8, 400


def start(data: Path, out: Path, **environment: str) -> int:
    """Run the paper, or go on with it; return its exit status."""
    command = [
        *(sys.executable, "-m", "automedimg", "paper", str(data.parent / "tiny.toml"), "--quiet"),
        *("--data", str(data), "--out", str(out), "--cache-dir", str(data.parent / "cache")),
        *("--offline", "--only", "cnn", "--protocol", "grouped"),
    ]
    path = f"{KILLER}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    made = {**os.environ, "PYTHONPATH": path, **environment}
    done = subprocess.run(command, env=made, capture_output=True, timeout=300, check=False)
    return done.returncode


def told(out: Path) -> dict[str, Any]:
    """What a paper's run came to, without what is of this machine and moment."""
    results: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    for name in ("page", "format"):
        results.pop(name)
    for arm in results["arms"]:
        for name in ("seconds", "predict_s"):
            arm.pop(name)
        for fold in arm["folds"]:
            fold.pop("seconds")
    return results


def test_a_killed_paper_goes_on(tmp_path: Path) -> None:
    data = make_data(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    assert start(data, tmp_path / "whole") == 0
    rng, kills = random.Random(0), 0
    for number in range(KILLS):
        status = start(
            data,
            tmp_path / "killed",
            KILL_ROLE="parent" if number % 2 else "all",
            KILL_EVENT=str(rng.randint(1, MOST_EVENTS)),
            KILL_BELOW=str(tmp_path / "killed"),
            KILL_MS=str(rng.choice((0, 0, 50))),
            KILL_MARK=str(tmp_path / f"mark-{number}"),
        )
        assert status in (0, -signal.SIGKILL)
        kills += status != 0
    assert kills >= KILLS // 2
    assert start(data, tmp_path / "killed") == 0
    assert told(tmp_path / "killed") == told(tmp_path / "whole")
