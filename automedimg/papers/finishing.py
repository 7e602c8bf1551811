"""From finished runs to results, tables and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automedimg.contracts import Metric, StageAdvanced, StageStarted
from automedimg.data import files
from automedimg.papers.csv_tables import write_tables
from automedimg.papers.inspecting import draw_cam, inspect, pick_examples
from automedimg.papers.outcomes import Outcome, read_outcomes
from automedimg.papers.plan import Plan
from automedimg.papers.results import Results
from automedimg.papers.runner import Emit, Runner
from automedimg.registry import Catalog
from automedimg.version import RUN_FORMAT

RESULTS = "results.json"
PAGE = "paper.html"


@dataclass(frozen=True, slots=True)
class Picture:
    """Where models look in one image.

    Args:
        split, model, kind: Of the model, and of the image: ``true positive``, ``true negative``.
        path: The drawing: the image, and beside it the same with the map.
    """

    split: str
    model: str
    kind: str
    path: Path


class Finisher:
    """Writes what a paper's runs came to.

    Args:
        plan: What was to be done.
        runner: Has done it.
        catalog: Where metrics come from.
        emit: Hears about it.
    """

    def __init__(self, plan: Plan, runner: Runner, catalog: Catalog, emit: Emit) -> None:
        self._plan, self._runner, self._catalog, self._emit = plan, runner, catalog, emit
        self._metrics: dict[str, Metric] = catalog.metrics.make_all()

    def finish(self) -> dict[str, Any]:
        """Look at the models, and write ``results.json``, ``tables/`` and ``paper.html``.

        Returns:
            What ``results.json`` holds.
        """
        folder = self._runner.folder
        jobs = list(self._plan.jobs())
        outcomes = self._inspect(read_outcomes(jobs, folder, self._metrics))
        splits = files.read_json(folder / "splits.json")
        self._emit(StageStarted("comparing the models"))
        told = Results(
            self._plan, outcomes, splits, self._runner.void, self._runner.failed, self._catalog
        )
        results = {"format": RUN_FORMAT, "page": str(folder / PAGE), **told.to_json()}
        files.write_json(folder / RESULTS, results)
        write_tables(folder / "tables", results, outcomes)
        self._write_page(results, told, outcomes)
        return results

    def _inspect(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Look at one model of each arm: the others are of one build."""
        self._emit(StageStarted("looking at the models", len(outcomes)))
        known: dict[str, dict[str, Any]] = {}
        found = []
        for number, outcome in enumerate(outcomes, start=1):
            arm = outcome.job.arm
            if arm.name not in known:
                known[arm.name] = inspect(outcome, self._runner.material)
            found.append(replace(outcome, insight=known[arm.name]))
            self._emit(StageAdvanced(number))
        return found

    def _write_page(
        self, results: dict[str, Any], told: Results, outcomes: Sequence[Outcome]
    ) -> None:
        # Imported late: jinja2.
        from automedimg.papers.page import Page

        pictures = self._cams(told) if "gradcam" in self._plan.protocol.show else []
        page = Page(self._plan, results, told, outcomes, pictures, self._runner.material)
        files.write_text(self._runner.folder / PAGE, page.render())

    def _cams(self, told: Results) -> list[Picture]:
        """Grad-CAM of one true positive and one true negative, for every model of a split."""
        self._emit(StageStarted("drawing where the models look"))
        found = []
        for split in self._plan.protocols:
            names = [model.name for model in self._plan.protocol.models]
            groups = [group for name in names if (group := told.group(split, name)) is not None]
            firsts = [group.folds[0] for group in groups]
            if not firsts or len(firsts[0].classes) != 2:
                continue
            for kind, row in pick_examples(firsts).items():
                for outcome in firsts:
                    found += self._cam(outcome, kind, row)
        return found

    def _cam(self, outcome: Outcome, kind: str, row: int) -> list[Picture]:
        job = outcome.job
        name = f"{job.protocol}-{job.arm.name}-{kind.replace(' ', '-')}.png"
        path = self._runner.folder / "figures" / name
        if not path.is_file():
            pixels = self._runner.material.pixels(job.arm.settings)
            if not draw_cam(outcome, pixels, row, path):
                return []
        return [Picture(job.protocol, job.arm.label, kind, path)]
