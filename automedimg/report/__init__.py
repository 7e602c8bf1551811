"""The HTML report of a run: one file that needs nothing else, neither scripts nor a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automedimg.contracts.trials import TrialResult

REPORT_NAME = "report.html"


def write_report(run_dir: Path, trials: Sequence[TrialResult]) -> Path:
    """Write ``report.html`` into a run directory.

    A run that has not finished, or that failed, gets a report too: it says that there is no
    verdict yet and shows what exists.

    Args:
        run_dir: The run directory; only ``run.json`` has to be there.
        trials: Every trial of the study that has ended, in any order.
    Returns:
        The path of the report.
    Raises:
        RunError: ``run.json`` is missing, or a file of the run can't be understood.
    """
    # Imported late, because jinja2 and NumPy would slow down every `--help`.
    from automedimg.data.files import write_text
    from automedimg.report.files import load_run
    from automedimg.report.render import render

    path = run_dir / REPORT_NAME
    write_text(path, render(load_run(run_dir, trials)))
    return path


__all__ = ["REPORT_NAME", "write_report"]
