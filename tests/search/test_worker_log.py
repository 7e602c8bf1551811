"""A worker's log, which is bounded."""

import subprocess
import sys
from pathlib import Path

PRINTS = """
import os, sys, time
from automedimg.search import worker_log
worker_log.MOST_BYTES, worker_log.LOOK_S = 1000, 0.01
from pathlib import Path
log = worker_log.Log(Path(sys.argv[1]))
for number in range(400):
    os.write(1, b"%06d " % number * 10 + b"\\n")
    time.sleep(0.001)
"""


def test_a_log_that_grows_is_set_aside(tmp_path: Path):
    path = tmp_path / "log.txt"
    subprocess.run([sys.executable, "-c", PRINTS, str(path)], check=True, timeout=60)
    now, aside = path.read_text(), (tmp_path / "log.1.txt").read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.1.txt", "log.txt"]
    assert len(now) + len(aside) < 28_000 / 2
    assert "000399" in (now or aside)
    first = int((aside + now)[:6])
    assert first > 0  # an older part is gone


def test_workers_follow_each_other_to_the_new_file(tmp_path: Path):
    path = tmp_path / "log.txt"
    commands = [[sys.executable, "-c", PRINTS, str(path)] for _ in range(2)]
    both = [subprocess.Popen(command) for command in commands]
    assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.1.txt", "log.txt"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 56_000 / 2


def test_a_log_that_somebody_deleted_is_begun_anew(tmp_path: Path):
    code = PRINTS.replace("for number", "Path(sys.argv[1]).unlink(); log.turn()\nfor number")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "log.txt")], check=True, timeout=60)
    assert (tmp_path / "log.txt").exists()


def test_a_worker_of_several_runs_writes_to_the_last_ones(tmp_path: Path):
    other = tmp_path / "other.txt"
    code = PRINTS.replace("for number", f"log.follow(Path({str(other)!r}))\nfor number")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "log.txt")], check=True, timeout=60)
    assert (tmp_path / "log.txt").read_text() == ""
    assert "000399" in other.read_text() or "000399" in (tmp_path / "other.1.txt").read_text()
