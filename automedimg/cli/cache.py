"""`automedimg cache`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automedimg.errors import ConfigurationError

if TYPE_CHECKING:
    from automedimg.data.caches import Cleared

DAMAGED = 1
"""Exit status of `verify` where something is damaged and stays so."""

KINDS = ("pixels", "scans", "copies", "audits", "features", "samples", "datasets", "leftovers")

_folder = click.option("--cache-dir", metavar="DIR", help="Folder of the caches.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(
    "cache",
    invoke_without_command=True,
    short_help="List, verify, clear or limit what is kept between searches.",
)
@_folder
@_json
@click.pass_context
def command(context: click.Context, cache_dir: str | None, as_json: bool) -> None:
    """List what is kept between searches: decoded images, features and the like.

    All of it is made again when it is missing. $AUTOMEDIMG_CACHE_LIMIT, e.g. 20GB, keeps it small.
    """
    if context.invoked_subcommand is None:
        _list(cache_dir, as_json)


@command.command("list", short_help="List the entries.")
@_folder
@_json
@click.pass_context
def list_command(context: click.Context, cache_dir: str | None, as_json: bool) -> None:
    """List the entries: kind, size, last use, and what they are of."""
    _list(cache_dir or _outer(context), as_json)


@command.command("verify", short_help="Read everything and compare it with its checksums.")
@_folder
@_json
@click.option("--repair", is_flag=True, help="Remove what is damaged: it will be made again.")
@click.pass_context
def verify(context: click.Context, cache_dir: str | None, as_json: bool, repair: bool) -> None:
    """Read everything and compare it with its checksums.

    The exit status is 1 if something is damaged and stays so.
    """
    from automedimg import caching
    from automedimg.cli.cache_text import show_checked
    from automedimg.cli.console import stderr, stdout

    with stderr().status("reading the caches") as status:
        checked = caching.cache_verify(
            cache_dir or _outer(context),
            repair=repair,
            progress=lambda done, all_: status.update(f"reading the caches: {done} of {all_}"),
        )
    if as_json:
        click.echo(json.dumps([one.to_json() for one in checked], indent=2))
    else:
        show_checked(stdout(), checked)
    if any(one.fault and not one.removed for one in checked):
        context.exit(DAMAGED)


@command.command("clear", short_help="Remove entries.")
@_folder
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Only these; may be repeated. [default: all but datasets]",
)
@click.option(
    "--older-than", type=click.FloatRange(0), metavar="DAYS", help="Only what was not used since."
)
@_yes
@click.pass_context
def clear(
    context: click.Context,
    cache_dir: str | None,
    kinds: tuple[str, ...],
    older_than: float | None,
    yes: bool,
) -> None:
    """Remove entries. What a running search uses stays; datasets stay unless they are named."""
    from automedimg import caching

    folder = cache_dir or _outer(context)
    _remove(
        caching.cache_path(folder),
        lambda dry: caching.cache_clear(folder, kinds=kinds, older_than_days=older_than, dry=dry),
        yes,
    )


@command.command("limit", short_help="Remove what was not used for longest, until the rest fits.")
@click.argument("size", required=False)
@_folder
@_yes
@click.pass_context
def limit(context: click.Context, size: str | None, cache_dir: str | None, yes: bool) -> None:
    """Remove what was not used for longest, until the rest is no larger than SIZE, e.g. 20GB.

    Without SIZE, $AUTOMEDIMG_CACHE_LIMIT counts, which every search keeps to by itself. Samples
    and datasets don't count, and stay.
    """
    from automedimg import caching

    folder = cache_dir or _outer(context)
    _remove(
        caching.cache_path(folder),
        lambda dry: caching.cache_limit(size, folder, dry=dry),
        yes or size is None,
    )


def _remove(folder: Path, remove: Callable[[bool], Cleared], yes: bool) -> None:
    """Ask, unless that was answered already, and remove."""
    from automedimg.cli.cache_text import counted, in_bytes, show_cleared
    from automedimg.cli.console import stdout

    planned = remove(True)
    if planned.removed and not yes:
        total = in_bytes(sum(entry.num_bytes for entry in planned.removed))
        if not sys.stdin.isatty():
            raise ConfigurationError(
                f"{counted(len(planned.removed))} of `{folder}`, {total}, would be removed",
                "nobody can be asked here: say so with --yes",
            )
        count = counted(len(planned.removed))
        click.confirm(f"Remove {count} of {folder}, {total}?", abort=True, err=True)
    show_cleared(stdout(), remove(False) if planned.removed else planned)


def _list(cache_dir: str | None, as_json: bool) -> None:
    from automedimg import caching
    from automedimg.cli.console import stdout

    entries = caching.cache_entries(cache_dir)
    if as_json:
        click.echo(json.dumps([entry.to_json() for entry in entries], indent=2))
        return
    from automedimg.cli.cache_text import show_entries

    show_entries(stdout(), caching.cache_path(cache_dir), entries)


def _outer(context: click.Context) -> str | None:
    """The folder that was named before the subcommand."""
    given: Any = context.parent.params.get("cache_dir") if context.parent else None
    return given or None
