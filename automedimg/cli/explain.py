"""`automedimg explain`."""

from __future__ import annotations

import click


@click.command("explain", short_help="Show where the best model of a run looks.")
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option("--out", metavar="DIR", help="Where the pictures go. [default: RUN/explain]")
def command(run: str, images: tuple[str, ...], out: str | None) -> None:
    """Draw, for each of IMAGES, which parts speak for the class that RUN's best model sees in it.

    Prints path, class, probability and picture with tabs between them.
    """
    from automedimg import api
    from automedimg.cli.image_files import image_files
    from automedimg.errors import DataError

    failed = 0
    for explanation in api.explain(run, image_files(images), out=out):
        seen = explanation.prediction
        if seen.probabilities is None or explanation.picture is None:
            failed += 1
            click.echo(f"{seen.path}: {seen.error}", err=True)
        else:
            probability = seen.probabilities[seen.label]
            click.echo(f"{seen.path}\t{seen.label}\t{probability:.4f}\t{explanation.picture}")
    if failed:
        raise DataError(f"{failed} file(s) could not be read")
