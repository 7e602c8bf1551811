"""`automedimg search`."""

from __future__ import annotations

from typing import Any

import click

from automedimg.cli.data_options import data_options
from automedimg.cli.engine_options import extra_options, given, limit_options, place_options
from automedimg.cli.options import Assignment, Names, as_mapping


@click.command("search", short_help="Find, train, judge and save the best classifier.")
@data_options
@click.option("--out", metavar="DIR", help="Run directory; an existing run is continued.")
@click.option("--extend", is_flag=True, help="Continue an existing run with other limits.")
@limit_options
@click.option("--metric", default="auc", show_default=True, help="What selects, on validation.")
@click.option(
    "--strategy",
    default="tpe",
    show_default=True,
    help="What proposes trials: a name, or module:Class.",
)
@click.option("--splits", metavar="FILE", help="CSV file with the columns path and split.")
@click.option(
    "--preprocess",
    "preprocessing",
    type=Names(),
    default=("stretch",),
    help="What to choose from: stretch, or some of crop, pad and standard with + between them, or "
    "all. [default: stretch]",
)
@click.option(
    "--backbones",
    type=Names(),
    default=(),
    help="Networks to choose from: a,b; or all. `automedimg plugins` says which are considered "
    "if none is named.",
)
@click.option("--heads", type=Names(), default=(), help="Heads to choose from: a,b; or all.")
@click.option(
    "--fix",
    type=Assignment(),
    multiple=True,
    callback=as_mapping,
    help="Don't search a parameter, e.g. train=frozen. May be repeated.",
)
@click.option(
    "--vary",
    type=Names(),
    default=(),
    help="Search these as well: some of schedule, plateau_patience, momentum, nesterov, changes.",
)
@click.option("--image-size", type=int, help="Side in pixels that images are resized to.")
@click.option("--channels", type=int, help="1 makes the images grey, 3 colour.")
@click.option(
    "--weights",
    metavar="SOURCE",
    help="Pretrained weights: imagenet, a plugin's name for its own, a file, or none for random "
    "ones. [default: what is found]",
)
@click.option("--epochs", type=int, default=40, show_default=True, help="Most epochs a trial.")
@click.option(
    "--epoch-patience",
    type=int,
    default=8,
    show_default=True,
    help="End a trial after so many epochs without improvement.",
)
@extra_options
@place_options
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
    from automedimg.cli.searching import show_search

    show_search(api.search, quiet=quiet, as_json=as_json, download=not offline, **given(settings))
