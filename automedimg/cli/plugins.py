"""`automedimg plugins`."""

from __future__ import annotations

import json
from typing import Any

import click

from automedimg.registry import Catalog, Entry, load_catalog
from automedimg.registry.catalog import is_default

KINDS = ("datasets", "backbones", "heads", "strategies", "metrics", "executors")


@click.group("plugins", invoke_without_command=True, short_help="List the plugins, or check one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List every plugin and what it offers; broken ones with the reason."""
    if ctx.invoked_subcommand is not None:
        return
    catalog = load_catalog()
    if as_json:
        click.echo(json.dumps(describe(catalog), indent=2))
    else:
        _print(catalog)


@command.command("check", short_help="Run the contract checks on a component.")
@click.argument("name")
def check(name: str) -> None:
    """Run the contract checks on every component called NAME: what a plugin author needs."""
    from automedimg.errors import PluginError, UnknownNameError
    from automedimg.testing import run_checks

    catalog = load_catalog()
    outcomes = run_checks(catalog, name)
    if not outcomes:
        known = [n for kind in KINDS for n in getattr(catalog, kind).names()]
        raise UnknownNameError(f"no component is called `{name}`", f"there are {', '.join(known)}")
    for outcome in outcomes:
        mark = click.style("failed", fg="red") if outcome.error else click.style("ok", fg="green")
        click.echo(f"{mark:<6} {outcome.check}" + (f": {outcome.error}" if outcome.error else ""))
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise PluginError(f"{len(failed)} of {len(outcomes)} checks failed for `{name}`")


def describe(catalog: Catalog) -> dict[str, Any]:
    """Plugins, components and name conflicts as JSON types."""
    return {
        "plugins": [
            {"name": plugin.name, "version": plugin.version, "broken": plugin.broken or None}
            for plugin in catalog.plugins
        ],
        **{
            kind: [_described(entry) for entry in getattr(catalog, kind).entries()]
            for kind in KINDS
        },
        "conflicts": [
            {"kind": kind, "name": name, "plugins": claimants}
            for kind in KINDS
            for name, claimants in getattr(catalog, kind).conflicts().items()
        ],
    }


def _described(entry: Entry[Any]) -> dict[str, Any]:
    spec = entry.spec
    about = {"name": spec.name, "summary": spec.summary, "plugin": entry.plugin}
    return {**about, "default": spec.default} if hasattr(spec, "default") else about


def _print(catalog: Catalog) -> None:
    from rich.markup import escape
    from rich.table import Table

    from automedimg.cli.console import stdout

    console = stdout()
    for kind in KINDS:
        table = Table(box=None, padding=(0, 2), show_header=False, title_justify="left")
        for entry in getattr(catalog, kind).entries():
            table.add_row(
                f"[name]{escape(entry.spec.name)}[/]",
                escape(entry.spec.summary),
                f"[dim]{escape(entry.plugin)}[/]",
                "" if is_default(entry.spec) else "[dim]if named[/]",
            )
        console.print(f"[bold]{kind}[/]")
        console.print(table)
    console.print("[dim]if named: a search considers it if it is named, or with `all`[/]")
    for conflict in describe(catalog)["conflicts"]:
        claimants = " and ".join(conflict["plugins"])
        console.print(
            f"[bad]conflict[/] `{escape(conflict['name'])}` ({conflict['kind']}) is claimed by "
            f"{escape(claimants)}: neither can be used"
        )
    for plugin in catalog.plugins:
        if plugin.broken:
            console.print(f"[bad]broken[/] {escape(plugin.name)}: {escape(plugin.broken)}")
