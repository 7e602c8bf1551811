"""A set ten times as large as the memory allowed trains from the memory map."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("trains_in_little_memory.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="`ulimit -d` counts like this on Linux only")
def test_a_set_ten_times_the_memory_trains(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "the limit holds" in ran.stdout
    found = re.search(r"bytes (\d+) allowed (\d+) auc ([\d.]+)", ran.stdout)
    assert found is not None
    assert int(found[1]) >= 10 * int(found[2])
    assert float(found[3]) > 0.9
