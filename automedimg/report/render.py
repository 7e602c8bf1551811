"""From a run's files to the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from automedimg.report.dataset import facts, findings, split_rows
from automedimg.report.files import RunFiles
from automedimg.report.format import count, counted, duration, marked, moment, setting
from automedimg.report.learning import learning_figures
from automedimg.report.making import sessions, settings, versions, web_link
from automedimg.report.progress import progress_figure
from automedimg.report.roc import roc_figure
from automedimg.report.scores import bar_start, cards, confusion_rows, scores, train_scores
from automedimg.report.trial_table import best_parameters, trial_rows
from automedimg.report.verdict import leak_statement, leak_warning, verdict

TEMPLATES = Path(__file__).parent / "templates"


def render(files: RunFiles) -> str:
    """The report as HTML.

    Everything that comes from data is escaped: by the template, and in figures by `svg.element`.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=count, counted=counted, duration=duration, marked=marked, moment=moment
    )
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    # The style sheet is ours and holds no data; it must not be escaped inside <style>.
    page = environment.get_template("report.html.j2")
    return page.render(style=Markup(style), **view(files))  # noqa: S704


def view(files: RunFiles) -> dict[str, Any]:
    """Everything that the template shows."""
    rows = scores(files)
    source = files.run.get("source") or {}
    return {
        **_identity(files),
        "classes": files.classes,
        "positive": files.classes[files.positive] if len(files.classes) == 2 else "",
        "negative": files.classes[1 - files.positive] if len(files.classes) == 2 else "",
        "verdict": verdict(files),
        "leak": leak_statement(files),
        "warning": leak_warning(files),
        "cards": cards(rows) if files.has_verdict else [],
        "scores": rows,
        "has_train": bool(train_scores(files)),
        "bar_scale": f"{bar_start(files):.1f} to 1" if files.has_verdict else "",
        "roc": roc_figure(files),
        "roc_split": "test" if files.test else "validation",
        "confusion": confusion_rows(files),
        "best": files.best,
        "parameters": best_parameters(files),
        "progress": progress_figure(files),
        "learning": learning_figures(files),
        "trials": trial_rows(files),
        "states": _states(files),
        "facts": facts(files),
        "splits": split_rows(files),
        "findings": findings(files),
        "settings": settings(files),
        "versions": versions(files),
        "sessions": sessions(files),
        "notes": [*(files.run.get("notes") or []), *files.problems],
        "citation": source.get("citation") or "",
        "address": source.get("url") or "",
        "link": web_link(source.get("url")),
        "licence": source.get("licence") or "",
    }


def _identity(files: RunFiles) -> dict[str, Any]:
    """Which run this is."""
    run = files.run
    return {
        "folder": files.folder.resolve().name,
        "task": setting(run.get("task")),
        "synthetic": bool(run.get("synthetic")),
        "protocol": setting(run.get("protocol")),
        "created": run.get("created") or "",
        "metric": setting(run.get("metric_label") or run.get("metric") or "value"),
        "program": setting(run.get("automedimg")),
        "seconds": (files.result or {}).get("seconds"),
    }


def _states(files: RunFiles) -> dict[str, int]:
    """How many trials ended in which way."""
    states = [trial.state for trial in files.trials]
    return {state: states.count(state) for state in ("complete", "pruned", "failed")}
