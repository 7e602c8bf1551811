"""What a finished search is for: its model, its pictures, its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from automedimg.run import Run

if TYPE_CHECKING:
    from automedimg.training.inference import Prediction


def open_run(folder: str | Path) -> Run:
    """Open the run directory of an earlier search.

    Raises:
        RunError: it is none.
    """
    return Run(folder)


def predict(run: str | Path, images: Iterable[str | Path]) -> list[Prediction]:
    """Classify image files with the best model of a run.

    Raises:
        RunError: `run` is not a run directory, or has no model yet.
    """
    return Run(run).predict(images)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a model looks in one image.

    Args:
        prediction: What it sees.
        picture: The drawing; None if the image can't be read.
    """

    prediction: Prediction
    picture: Path | None


def explain(
    run: str | Path, images: Iterable[str | Path], *, out: str | Path | None = None
) -> Iterator[Explanation]:
    """Draw which parts of each image speak for the class that the best model of a run sees in it.

    Args:
        run: A run directory.
        images: Image files.
        out: Folder of the pictures; None is ``explain`` in the run directory.
    Raises:
        RunError: `run` is not a run directory, has no model yet, or it can't be explained.
    """
    from automedimg.data.files import make_folder
    from automedimg.training.inference import Classifier

    opened = Run(run)
    classifier = Classifier(opened.folder / "best")
    from automedimg.explain.gradcam import GradCam, overlay

    cams = GradCam(classifier.model, classifier.about["gradcam_layer"])
    folder = make_folder(Path(out) if out else opened.folder / "explain")
    for number, prediction in enumerate(classifier.predict(images)):
        image, _ = classifier.read(Path(prediction.path))
        if prediction.probabilities is None or image is None:
            yield Explanation(prediction, None)
            continue
        cam = cams.explain(image, classifier.classes.index(prediction.label))
        drawn = overlay(image, cam)
        both = Image.new("RGB", (2 * drawn.width, drawn.height))
        plain = overlay(image, np.zeros_like(cam))
        both.paste(plain, (0, 0))
        both.paste(drawn, (drawn.width, 0))
        picture = folder / f"{number:04d}-{Path(prediction.path).stem}.png"
        both.save(picture)
        yield Explanation(prediction, picture)


def report(run: str | Path) -> Path:
    """Write the HTML report of a run, and its model card; return the report's path.

    Raises:
        RunError: `run` is not a run directory.
    """
    from automedimg.report import write_report
    from automedimg.report.card import write_card

    opened = Run(run)
    if opened.result is not None:
        write_card(opened.folder / "best" / "card.md", opened.config, opened.result)
    return write_report(opened.folder, opened.trials)
