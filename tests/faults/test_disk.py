"""A disk that is full: the search stops with a clear word, and goes on once there is room."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import automedimg
from tests.faults.chains import KILLER, make_data, outcome, run_whole, start


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def whole(data: Path) -> automedimg.Run:
    return run_whole(data, data.parent / "whole")


@pytest.mark.parametrize(
    ("role", "operation"),
    [
        pytest.param("parent", 25, marks=pytest.mark.faults),
        pytest.param("parent", 3, marks=pytest.mark.faults),
        pytest.param("parent", 45, marks=pytest.mark.faults),
        pytest.param("worker", 1, marks=pytest.mark.faults),
        pytest.param("worker", 9, marks=pytest.mark.faults),
    ],
)
def test_a_full_disk_stops_the_search_and_loses_nothing(
    data: Path, whole: automedimg.Run, tmp_path: Path, role: str, operation: int
):
    process = start(
        data,
        tmp_path / "run",
        PYTHONPATH=os.pathsep.join([str(KILLER), os.environ.get("PYTHONPATH", "")]),
        KILL_ROLE=role,
        KILL_BELOW=str(tmp_path / "run") + os.sep,
        KILL_EVENT=str(operation),
        KILL_ERRNO=str(errno.ENOSPC),
        KILL_MARK="",
    )
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 1, stderr
    assert "Traceback" not in stderr
    assert "No space left" in stderr or "no space is left" in stderr, stderr
    again = start(data, tmp_path / "run")
    _, stderr = again.communicate(timeout=240)
    assert again.returncode == 0, stderr
    run = automedimg.open_run(tmp_path / "run")
    assert outcome(run) == outcome(whole)
    assert run.test_scores == whole.test_scores


@pytest.mark.faults
def test_a_file_system_that_really_is_full(data: Path, whole: automedimg.Run, tmp_path: Path):
    """Three megabytes are too few for the models of this search; eighty are not."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a file system needs root")
    try:
        process = start(data, small / "run")
        _, stderr = process.communicate(timeout=240)
        assert process.returncode == 1, stderr
        assert "Traceback" not in stderr
        assert "space" in stderr
        subprocess.run(["mount", "-o", "remount,size=80m", str(small)], check=True)
        again = start(data, small / "run")
        _, stderr = again.communicate(timeout=240)
        assert again.returncode == 0, stderr
        assert outcome(automedimg.open_run(small / "run")) == outcome(whole)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
        shutil.rmtree(small, ignore_errors=True)
