"""`automedimg resume`."""

from __future__ import annotations

from typing import Any

import click

from automedimg.cli.engine_options import extra_options, given, limit_options, place_options


@click.command("resume", short_help="Go on with a search that was stopped, however it was.")
@click.argument("run", metavar="RUN")
@click.option("--extend", is_flag=True, help="Allow other limits than the search began with.")
@limit_options
@extra_options
@place_options
@click.option("--data", metavar="PATH", help="Where the images are now, if they were moved.")
@click.option("--cache-dir", metavar="DIR", help="Folder of the caches.")
@click.option("--offline", is_flag=True, help="Don't try to download weights.")
@click.option("--quiet", is_flag=True, help="Show nothing but errors and the verdict.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def command(
    run: str, extend: bool, offline: bool, quiet: bool, as_json: bool, **settings: Any
) -> None:
    """Go on with the search in the directory RUN, with the settings that it began with.

    Finished trials stay finished; one that was running goes on from its last checkpoint. Limits
    (--trials, --time, --patience, --target, --stop, --trial-time) may only change with --extend.
    """
    from automedimg import api
    from automedimg.cli.searching import show_search

    if offline:
        settings["download"] = False
    show_search(api.resume, quiet=quiet, as_json=as_json, run=run, extend=extend, **given(settings))
