"""Damaged files are read or set aside; none raises, hangs, crashes or takes a gigabyte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bounds memory by Linux's means")

SCRIPT = Path(__file__).with_name("reading_fuzz.py")
GROUPS = ("pictures", "arrays", "dicoms")


def outcomes(folder: Path, group: str, num: int, seed: int) -> dict[str, str]:
    """Damage files in a process of its own; what became of each."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), group, str(num), str(seed)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    lines = done.stdout.splitlines()
    last = lines[-1] if lines else "nothing"
    # -14 is the alarm: a file took too long; -6 and -11 are crashes.
    assert done.returncode == 0, f"{done.returncode} at {last}: {done.stderr[-2000:]}"
    return dict(line.split("\t", 1) for line in lines)


def check(found: dict[str, str]) -> None:
    """Whole files are read, of the damaged ones some and some not, none for lack of memory."""
    whole = {name: text for name, text in found.items() if name.endswith(" whole")}
    assert set(whole.values()) == {"read"}, whole
    damaged = [text for name, text in found.items() if name not in whole]
    assert min(damaged.count("read"), len(damaged) - damaged.count("read")) > len(damaged) / 20
    assert not [text for text in found.items() if "memory" in text[1]]


@pytest.mark.parametrize("group", GROUPS)
def test_damaged_files_are_read_or_set_aside(tmp_path: Path, group: str) -> None:
    found = outcomes(tmp_path, group, 25, 1)
    assert len(found) > 100
    check(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("group", GROUPS)
def test_thousands_of_damaged_files_are_read_or_set_aside(
    tmp_path: Path, group: str, seed: int
) -> None:
    found = outcomes(tmp_path, group, 150, seed)
    assert len(found) > 700
    check(found)
