"""`automedimg search`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import click

from automedimg.cli.data_options import data_options
from automedimg.cli.options import Assignment, Duration, Names, as_mapping


@click.command("search", short_help="Find, train, judge and save the best classifier.")
@data_options
@click.option("--out", metavar="DIR", help="Run directory; an existing run is continued.")
@click.option("--trials", type=int, help="Trials in all. [default: 30 if nothing else limits]")
@click.option("--time", "time_s", type=Duration(), help="Time for everything, e.g. 10m.")
@click.option("--patience", type=int, help="Stop after so many trials without improvement.")
@click.option("--target", type=float, help="Stop when the metric reaches this value.")
@click.option("--metric", default="auc", show_default=True, help="What selects, on validation.")
@click.option("--strategy", default="tpe", show_default=True, help="What proposes trials.")
@click.option("--splits", metavar="FILE", help="CSV file with the columns path and split.")
@click.option(
    "--preprocess",
    "preprocessing",
    type=Names(),
    default=("stretch",),
    help="What to choose from: stretch, or some of crop, pad and standard with + between them, or "
    "all. [default: stretch]",
)
@click.option("--backbones", type=Names(), default=(), help="Networks to choose from: a,b")
@click.option("--heads", type=Names(), default=(), help="Heads to choose from: a,b")
@click.option(
    "--fix",
    type=Assignment(),
    multiple=True,
    callback=as_mapping,
    help="Don't search a parameter, e.g. train=frozen. May be repeated.",
)
@click.option("--image-size", type=int, help="Side in pixels that images are resized to.")
@click.option("--epochs", type=int, default=40, show_default=True, help="Most epochs a trial.")
@click.option(
    "--epoch-patience",
    type=int,
    default=8,
    show_default=True,
    help="End a trial after so many epochs without improvement.",
)
@click.option("--trial-time", "trial_time_s", type=Duration(), help="Most time a trial.")
@click.option("--executor", default="local", show_default=True, help="Where trials run.")
@click.option("--workers", type=int, help="Trials at once. [default: one a GPU, or one]")
@click.option("--weights-dir", metavar="DIR", help="Folder of pretrained weight files.")
@click.option("--offline", is_flag=True, help="Don't try to download weights.")
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Repeats the search: to the bit, without --time and with one CPU worker.",
)
@click.option("--quiet", is_flag=True, help="Show nothing but errors and the verdict.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def command(offline: bool, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Find, train, judge and save the best classifier for a task or a folder of images.

    Patients and near-duplicates stay on one side of the split. The best trial's model is judged
    on the test split once, after selection. A search that was stopped, however it was, goes on
    when it is started again with the same --out.
    """
    from automedimg import api
    from automedimg.cli.console import stderr, stdout
    from automedimg.cli.verdict import show_verdict
    from automedimg.cli.view import make_view

    console = stderr()
    with nullcontext() if quiet else make_view(console) as view:
        run = api.search(
            **settings,
            download=not offline,
            listener=view.hear if view is not None else None,
        )
    if run.result is None:
        return
    if as_json:
        click.echo(json.dumps(run.result, ensure_ascii=False))
    else:
        show_verdict(stdout(), run)
