"""`automedimg audit`."""

from __future__ import annotations

import json
from typing import Any

import click

from automedimg.cli.data_options import data_options

UNSOUND = 1
"""Exit status of --strict where something is found."""


@click.command("audit", short_help="Say what is in a data set and what a split leaks.")
@data_options
@click.option("--splits", metavar="FILE", help="CSV file with the columns path and split.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split.")
@click.option(
    "--html",
    is_flag=False,
    flag_value="audit.html",
    metavar="[FILE]",
    help="Write a page with the pictures that were found alike. [FILE: audit.html]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@click.option(
    "--strict", is_flag=True, help="Exit with status 1 if the split leaks or labels conflict."
)
@click.pass_context
def command(context: click.Context, /, as_json: bool, strict: bool, **settings: Any) -> None:
    """Say what is in a data set, and what a split of it leaks, without training anything.

    Counts, unreadable files, copies, conflicting labels, patients on both sides of a split, and
    shortcuts: what predicts the label without a look at the image's content.
    """
    from automedimg import api
    from automedimg.cli.audit_text import show_audit
    from automedimg.cli.console import stderr, stdout
    from automedimg.cli.view import make_view

    with make_view(stderr()) as view:
        found = api.audit(**settings, listener=view.hear)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        show_audit(stdout(), found)
        if settings["html"]:
            click.echo(f"page      {settings['html']}")
    if strict and (found["leakage"]["leaking_images"] or found["label_conflicts"]):
        context.exit(UNSOUND)
