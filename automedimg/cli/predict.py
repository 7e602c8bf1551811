"""`automedimg predict`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from automedimg.cli.image_files import image_files
from automedimg.errors import DataError


@click.command("predict", short_help="Classify image files with the best model of a run.")
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def command(run: str, images: tuple[str, ...], as_json: bool) -> None:
    """Classify IMAGES, files or folders of files, with the best model of RUN.

    Prints path, class and probability with tabs between them. Files that can't be read are named
    on standard error, and the exit status is 1 then.
    """
    from automedimg.training.inference import Classifier

    folder = _model_folder(run)
    failed = 0
    classifier = Classifier(folder)
    for prediction in classifier.predict(image_files(images)):
        if prediction.error:
            failed += 1
            click.echo(f"{prediction.path}: {prediction.error}", err=True)
        if as_json:
            click.echo(
                json.dumps(
                    {
                        "path": prediction.path,
                        "label": prediction.label or None,
                        "probabilities": prediction.probabilities,
                        "error": prediction.error or None,
                    },
                    ensure_ascii=False,
                )
            )
        elif prediction.probabilities is not None:
            probability = prediction.probabilities[prediction.label]
            click.echo(f"{prediction.path}\t{prediction.label}\t{probability:.4f}")
    if failed:
        raise DataError(f"{failed} file(s) could not be read")


def _model_folder(run: str) -> Path:
    from automedimg.run import Run

    return Run(run).folder / "best"
