"""`automedimg audit`."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("audit", short_help="Say what is in a data set and what a split leaks.")
@click.option("--task", required=True, help="What the images are; `automedimg tasks` lists them.")
@click.option("--data", metavar="DIR", help="Folder of the images.")
@click.option("--sample", is_flag=True, help="Use synthetic images instead of real ones.")
@click.option("--protocol", type=click.Choice(["grouped", "upright", "random"]), default="grouped")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--cache-dir", metavar="DIR", help="Folder of the caches.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool, **settings: Any) -> None:
    """Say what is in a data set, and what a split of it leaks, without training anything."""
    from automedimg import api
    from automedimg.cli.console import stderr
    from automedimg.cli.view import make_view

    with make_view(stderr()) as view:
        found = api.audit(**settings, listener=view.hear)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    leakage = found["leakage"]
    counts = ", ".join(f"{name} {number}" for name, number in found["classes"].items())
    click.echo(f"{found['images']} images: {counts}")
    click.echo(f"{len(found['unreadable'])} unreadable")
    click.echo(
        f"{found['images_with_copies']} images have a copy; {found['groups']} independent groups"
    )
    click.echo(f"{len(found['label_conflicts'])} sets of copies with different labels")
    click.echo(
        f"{leakage['protocol']} split: {leakage['leaking_images']} of {leakage['test_images']} "
        f"test images leak ({leakage['percent']:.1f} %)"
    )
