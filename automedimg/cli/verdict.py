"""The verdict, at the end of a search."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from automedimg.cli.progress import brief
from automedimg.run import Run

ENDINGS = {
    "trials": "its number of trials",
    "time": "its time",
    "patience": "its patience",
    "target": "reaching its target",
    "same": "getting the same result again and again",
    "exhausted": "having tried everything",
    "interrupted": "being interrupted",
    "failures": "failing trials",
}


def show_verdict(console: Console, run: Run) -> None:
    """Print the test scores of a run, what they mean, and where everything is."""
    result = run.result
    if result is None:
        return
    leakage = result["audit"]["leakage"]
    console.print()
    if result["synthetic"]:
        console.print("[loud]SYNTHETIC images: these scores mean nothing medical.[/]")
    if leakage["leaking_images"]:
        console.print(
            f"[loud]LEAKING SPLIT: {leakage['percent']:.1f} % of the test images have a copy or "
            "the same patient in training or validation.[/]\n"
            "The scores below measure memory as well as skill; --protocol grouped does not leak.",
            soft_wrap=True,
        )
    shortcut = result["audit"]["shortcut"]
    if shortcut["level"] in ("strong", "clear"):
        console.print(
            f"[loud]SHORTCUT:[/] {escape(shortcut['verdict'])}\nCompare the scores below; "
            "--preprocess stretch,crop+pad,crop+pad+standard searches ways that weaken it.",
            soft_wrap=True,
        )
    best = result["best"]
    trials = sum(result["trials"].values())
    console.print(
        f"Best of {trials} trial{'s' if trials != 1 else ''}: "
        f"[bold]{escape(brief(best['params']))}[/] (trial {best['trial']}, epoch "
        f"{best['epoch']}); the search ended by {ENDINGS.get(result['stopped_by'], 'itself')} "
        f"({escape(result['stopped_because'])}).",
        soft_wrap=True,
    )
    console.print(
        f"Test split: {result['test_images']} images in {result['test_groups']} groups, opened "
        f"{_times(len(result['test_openings']))}.",
        soft_wrap=True,
    )
    console.print(_scores(run))
    console.print(f"report  [name]{escape(str(run.folder / 'report.html'))}[/]", soft_wrap=True)
    console.print(f"model   [name]{escape(str(run.model_path))}[/]", soft_wrap=True)
    console.print(f"use it  automedimg predict {escape(str(run.folder))} IMAGE...", soft_wrap=True)


def _times(number: int) -> str:
    return "once, after selection" if number == 1 else f"{number} times"


def _scores(run: Run) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("metric")
    table.add_column("test", justify="right")
    table.add_column("95 % interval", justify="center")
    table.add_column("validation", justify="right")
    validation = (run.result or {})["best"]["validation"]
    train = (run.result or {}).get("train") or {}
    if train:
        table.add_column("training", justify="right")
    for name, score in run.test_scores.items():
        interval = "-" if score["low"] is None else f"{score['low']:.3f} - {score['high']:.3f}"
        seen = f"{validation[name]:.3f}" if name in validation else "-"
        style = "bold" if name == run.config["metric"] else ""
        cells = [name.replace("_", " "), f"{score['value']:.3f}", interval, seen]
        if train:
            cells.append(f"{train[name]:.3f}" if name in train else "-")
        table.add_row(*cells, style=style)
    return table
