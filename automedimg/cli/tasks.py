"""`automedimg tasks`."""

from __future__ import annotations

import json

import click

from automedimg.contracts import DatasetSpec, TaskOption
from automedimg.registry import Catalog, load_catalog


@click.command("tasks", short_help="List the tasks, or show one.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the tasks, or show one: its source, licence, layout and how to get it."""
    catalog = load_catalog()
    if name is not None:
        _show(catalog.datasets.get(name), as_json)
    elif as_json:
        click.echo(json.dumps([describe(e.spec) for e in catalog.datasets.entries()], indent=2))
    else:
        _list(catalog)


def describe(spec: DatasetSpec) -> dict[str, object]:
    """A task as JSON types."""
    return {
        "name": spec.name,
        "summary": spec.summary,
        "modality": spec.modality,
        "classes": list(spec.classes),
        "positive": spec.positive,
        "images": sum(spec.expected_counts.values()) or None,
        "layout": spec.layout,
        "citation": spec.source.citation,
        "url": spec.source.url,
        "licence": spec.source.licence,
        "download": spec.download,
        "kaggle": spec.kaggle,
        "options": {option.name: _describe_option(option) for option in spec.options},
    }


def _describe_option(option: TaskOption) -> str:
    choices = f": {', '.join(option.choices)}" if option.choices else ""
    default = f" [default: {option.default}]" if option.default else ""
    return f"{option.summary}{choices}{default}"


def _list(catalog: Catalog) -> None:
    from rich.markup import escape
    from rich.table import Table

    from automedimg.cli.console import stdout

    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("task", "modality", "classes", "images", "summary"):
        table.add_column(column)
    for entry in catalog.datasets.entries():
        spec = entry.spec
        images = sum(spec.expected_counts.values())
        table.add_row(
            f"[name]{escape(spec.name)}[/]",
            escape(spec.modality),
            escape(", ".join(spec.classes) or "from the data"),
            str(images or ""),
            escape(spec.summary),
        )
    console = stdout()
    console.print(table)
    console.print("[dim]`automedimg tasks NAME` says more; `--sample` tries any of them.[/]")


def _show(spec: DatasetSpec, as_json: bool) -> None:
    facts = describe(spec)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        if isinstance(value, dict):
            for name, text in value.items():
                click.echo(f"{key:<10} --option {name}=...  {text}")
            continue
        shown = ", ".join(value) if isinstance(value, list) else value
        if shown:
            click.echo(f"{key:<10} {shown}")
