"""What only the saved models can tell: parameters, speed, where they look."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from automedimg.data import files
from automedimg.data.levels import grey_levels
from automedimg.errors import RunError
from automedimg.papers.counting import counts_of
from automedimg.papers.material import Material, Pixels
from automedimg.papers.outcomes import Outcome
from automedimg.training.backend import load_keras

INSIGHT = "insight.json"
WARM_UP = 64
"""Images that are predicted before the clock is started: the first batch compiles."""


def inspect(outcome: Outcome, material: Material) -> dict[str, Any]:
    """Look at the chosen model of a run, once: what is found is kept beside it.

    Args:
        outcome: Of the run.
        material: Gives the images that it was trained on.
    Returns:
        ``trial``, ``parameters``, ``trainable_parameters`` and ``predict_s``: seconds for the test
        images, on this machine, the model loaded and warm.
    """
    path = outcome.folder / INSIGHT
    known = files.read_json(path) if path.is_file() else {}
    if known.get("trial") == outcome.best["trial"]:
        return dict(known)
    # TensorFlow complains of a function traced for each model, which is what is wanted.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    model = load_model(outcome)
    images = material.pixels(outcome.job.arm.settings)
    found = {"trial": outcome.best["trial"], **_counted(model, outcome)}
    found["predict_s"] = _predict_s(model, images, outcome)
    files.write_json(path, found)
    load_keras().backend.clear_session()
    return found


def load_model(outcome: Outcome) -> Any:
    """The chosen model of a run, from images to probabilities.

    Raises:
        RunError: it can't be loaded.
    """
    from automedimg.training.loading import load_classifier

    path = outcome.folder / "best" / "model.keras"
    try:
        return load_classifier(path)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"the model in `{path.parent}` can't be loaded: {error}") from error


def _counted(model: Any, outcome: Outcome) -> dict[str, Any]:
    keras = load_keras()
    parts = [part for part in model.layers if isinstance(part, keras.Model)]
    if len(parts) != 2:
        return {"parameters": int(model.count_params()), "trainable_parameters": None}
    params = outcome.best["params"]
    counts = counts_of(parts[:1], parts[1], str(params.get("train")))
    by_gradients = "learning_rate" in params  # a fitted head has none
    trainable = counts.trainable if by_gradients else None
    return {"parameters": counts.parameters, "trainable_parameters": trainable}


def _predict_s(model: Any, images: Pixels, outcome: Outcome) -> float:
    from automedimg.training.batches import predict_rows

    rows = outcome.test.rows
    predict_rows(model, images, rows[:WARM_UP])
    start = time.perf_counter()
    predict_rows(model, images, rows)
    return round(time.perf_counter() - start, 4)


def pick_examples(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Test images that all of some models get right, as clearly as possible: one of each kind.

    Args:
        outcomes: Of two-class runs with one test side.
    Returns:
        Row in the pixel cache of a ``true positive`` and of a ``true negative``; one that no
        image is for all models is left out.
    """
    first = outcomes[0].test
    certain = np.min(
        [outcome.test.y_prob[np.arange(len(first.rows)), first.y_true] for outcome in outcomes],
        axis=0,
    )
    positive = _positive(outcomes[0])
    found = {}
    for kind, inside in (
        ("true positive", first.y_true == positive),
        ("true negative", first.y_true != positive),
    ):
        fitting = np.where(inside, certain, 0.0)
        if fitting.max(initial=0.0) > 0.5:
            found[kind] = int(first.rows[int(fitting.argmax())])
    return found


def draw_cam(outcome: Outcome, pixels: Pixels, row: int, path: Path) -> bool:
    """Draw an image, and beside it where the model of a run looks for the positive class.

    Args:
        outcome: Of the run.
        pixels: The images that it was trained on.
        row: Of the image among them.
        path: The PNG to write.
    Returns:
        False where this model can't be explained.
    """
    load_keras()
    from automedimg.explain.gradcam import GradCam, overlay

    about = files.read_versioned(outcome.folder / "best" / "model.json")
    try:
        cams = GradCam(load_model(outcome), about["gradcam_layer"])
    except RunError:
        return False
    image = grey_levels(np.asarray(pixels[row : row + 1]))[0]
    cam = cams.explain(image, _positive(outcome))
    plain, drawn = overlay(image, np.zeros_like(cam)), overlay(image, cam)
    both = Image.new("RGB", (2 * drawn.width, drawn.height))
    both.paste(plain, (0, 0))
    both.paste(drawn, (drawn.width, 0))
    files.make_folder(path.parent)
    with files.replacing(path) as temporary:
        both.save(temporary)
    return True


def _positive(outcome: Outcome) -> int:
    if outcome.positive in outcome.classes:
        return outcome.classes.index(outcome.positive)
    return len(outcome.classes) - 1
