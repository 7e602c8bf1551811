"""What `search` and `resume` have in common: the view, and how the verdict is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from automedimg.run import Run


def show_search(call: Callable[..., Run], *, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Run a search with a view of it on stderr, and print its verdict on stdout.

    Args:
        call: Of the API.
        quiet: Whether to show nothing but errors and the verdict.
        as_json: Whether to print the verdict as JSON.
        settings: For `call`.
    """
    from automedimg.cli.console import stderr, stdout
    from automedimg.cli.verdict import show_verdict
    from automedimg.cli.view import make_view

    with nullcontext() if quiet else make_view(stderr()) as view:
        run = call(**settings, listener=view.hear if view is not None else None)
    if run.result is None:
        return
    if as_json:
        click.echo(json.dumps(run.result, ensure_ascii=False))
    else:
        show_verdict(stdout(), run)
