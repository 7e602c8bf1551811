"""Renders run directories for the report's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from report_runs import Options, write_run

from automedimg.report import write_report

Render = Callable[..., str]


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Write a run of the kind that the options name, and return its report."""

    def rendered(**options: object) -> str:
        folder = tmp_path / "first"
        trials = write_run(folder, Options(**options))
        return write_report(folder, trials).read_text(encoding="utf-8")

    return rendered
