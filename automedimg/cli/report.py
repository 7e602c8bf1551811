"""`automedimg report`."""

import click


@click.command("report", short_help="Write the HTML report of a run.")
@click.argument("run")
def command(run: str) -> None:
    """Write the HTML report of RUN anew and print its path."""
    from automedimg import api

    click.echo(api.report(run))
