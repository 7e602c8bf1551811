"""Papers on the terminal: the list, a plan, results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show_list(console: Console, papers: Sequence[Mapping[str, str]]) -> None:
    """Print the papers that can be run."""
    table = _table("paper", "task", "what it runs")
    for each in papers:
        table.add_row(f"[name]{escape(each['name'])}[/]", each["task"], escape(each["summary"]))
    console.print(table)
    console.print(
        "[dim]`automedimg paper NAME --dry-run` shows a plan; `--sample` tries it on synthetic "
        "images; a file of your own is named by its path.[/]",
        soft_wrap=True,
    )


def show_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """Print what would be run."""
    console.print(f"[bold]{escape(plan['title'])}[/] (task {plan['task']})", soft_wrap=True)
    folds = f"{plan['folds']} folds of the rest" if plan["folds"] else ""
    validation = folds or f"{100 * plan['validation']:g} % validation"
    console.print(
        f"{len(plan['runs'])} runs: {len(plan['models'])} models and settings; splits "
        f"{', '.join(plan['splits'])}; {100 * plan['test']:g} % test, {validation}",
        soft_wrap=True,
    )
    _say_reductions(console, plan)
    console.print(_plan_table(plan["models"]))
    for why in dict.fromkeys(each["void"] for each in plan["models"] if each["void"]):
        console.print(f"[loud]VOID[/] where it is needed: {escape(why)}", soft_wrap=True)
    console.print("[dim]--json says every setting.[/]")


def _plan_table(models: Sequence[Mapping[str, Any]]) -> Table:
    """A row a model; only its name, which may be long, is wrapped."""
    published = [m["published_parameters"] or m["published_trainable_parameters"] for m in models]
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("model", overflow="fold")
    for column in ("pixels", "epochs", "parameters", "trainable"):
        table.add_column(column, no_wrap=True, justify="right")
    if any(published):
        table.add_column("in the paper", no_wrap=True, justify="right")
    for each, said in zip(models, published, strict=True):
        table.add_row(
            f"[name]{escape(each['name'])}[/]",
            f"{each['image_size']} x {each['channels']}",
            "" if _is_fitted(each) else str(each["epochs"] or ""),
            "searched" if each["search"] else _count(each["parameters"]),
            _count(each["trainable_parameters"]),
            *([_count(said)] if any(published) else []),
        )
    return table


def show_results(console: Console, results: Mapping[str, Any]) -> None:
    """Print the verdict, and the figures beside the paper's."""
    from automedimg.papers.words import label_of, verdict

    told = verdict(results)
    console.print()
    if results["synthetic"]:
        console.print("[loud]SYNTHETIC images: these scores mean nothing medical.[/]")
    _say_reductions(console, results)
    if results["void"]:
        console.print(
            f"[loud]VOID[/] for {escape(', '.join(results['void']))}: random weights, so nothing "
            "can be compared with the paper.",
            soft_wrap=True,
        )
    console.print(f"[bold]{escape(told.headline)}[/]", soft_wrap=True)
    for name, text in told.points:
        console.print(f"[dim]{escape(name)}:[/] {escape(text)}", soft_wrap=True)
    splits = list(dict.fromkeys(arm["split"] for arm in results["arms"]))
    if results["figures"] and splits:
        table = _table("model", "figure", "published", *(f"ours, {split}" for split in splits))
        for figure in results["figures"]:
            ours = [_ours(figure["ours"].get(split)) for split in splits]
            kind = f"{label_of(figure['score'])}, {figure['side']}"
            table.add_row(escape(figure["model_label"]), kind, f"{figure['value']:g}", *ours)
        console.print(table)
    console.print(f"page    [name]{escape(results['page'])}[/]", soft_wrap=True)


def _is_fitted(model: Mapping[str, Any]) -> bool:
    """Whether a classifier is fitted at once: its parameters depend on the images."""
    return model["parameters"] is None and not model["search"]


def _ours(found: Mapping[str, Any] | None) -> str:
    if not found or found.get("value") is None:
        return "-"
    text = f"{found['value']:.4f}"
    if found.get("low") is not None:
        text += f" ({found['low']:.3f} - {found['high']:.3f})"
    return f"{text} [loud]void[/]" if found.get("void") else text


def _say_reductions(console: Console, told: Mapping[str, Any]) -> None:
    if told["reductions"]:
        listed = escape("; ".join(told["reductions"]))
        console.print(f"[loud]REDUCED:[/] {listed}", soft_wrap=True)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
