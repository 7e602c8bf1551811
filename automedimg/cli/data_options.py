"""The options that say which images a command is about and how they are split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from automedimg.cli.options import Assignment, as_mapping

PROTOCOLS = ("grouped", "published", "upright", "random")

_OPTIONS = (
    click.option("--task", help="What the images are. [default: found out from --data]"),
    click.option("--data", metavar="PATH", help="Folder of the images, an npz file or a table."),
    click.option("--sample", is_flag=True, help="Use synthetic images instead of real ones."),
    click.option(
        "--option",
        "options",
        type=Assignment(),
        multiple=True,
        callback=as_mapping,
        help="Of the task, e.g. slices=all; see `automedimg tasks NAME`. May be repeated.",
    ),
    click.option(
        "--protocol",
        type=click.Choice(PROTOCOLS),
        help="How to split: leak-free; as published; blind to turned copies; at random as many "
        "papers do. [default: published where there is such a split, else grouped]",
    ),
    click.option(
        "--external-test", metavar="DIR", help="Folder of other images: they are the test split."
    ),
    click.option("--cache-dir", metavar="DIR", help="Folder of the caches."),
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add these options to a command, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
