"""`automedimg split`."""

from __future__ import annotations

from typing import Any

import click

from automedimg.cli.data_options import data_options


@click.command("split", short_help="Write a leak-free split, or folds, as CSV files.")
@data_options
@click.option("--out", metavar="DIR", default=".", show_default=True, help="Folder of the files.")
@click.option("--folds", type=click.IntRange(2), help="Cross-validation: each fold is tested once.")
@click.option(
    "--inner-folds", type=click.IntRange(2), help="Nested: each inner fold validates once."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split.")
def command(**settings: Any) -> None:
    """Write a split of a data set, or those of a cross-validation, as CSV files.

    Each file can be given to `automedimg search --splits FILE`. No patient and no copy is on two
    sides, and every class is on every side.
    """
    from automedimg import api
    from automedimg.cli.console import stderr
    from automedimg.cli.view import make_view

    if settings["inner_folds"] and not settings["folds"]:
        raise click.UsageError("--inner-folds needs --folds")
    with make_view(stderr()) as view:
        paths = api.split(**settings, listener=view.hear)
    for path in paths:
        click.echo(str(path))
