"""Train one trial: from its spec to a scored, saved model."""

from __future__ import annotations

import csv
import gc
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from automedimg.contracts import TrialSpec
from automedimg.data import files
from automedimg.evaluation.scores import validation_scores
from automedimg.registry import Catalog
from automedimg.training.assembly import Assembly, Shelf
from automedimg.training.backend import make_deterministic
from automedimg.training.batches import predict_rows
from automedimg.training.course import Course
from automedimg.training.network import Network
from automedimg.training.outcome import Fit
from automedimg.training.talk import TrialTalk
from automedimg.training.trial_data import Side, TrialData, save_predictions


class Trial:
    """One trial at work. Use `run` once.

    A trial that was cut off goes on from the checkpoint in its folder, and on a CPU comes to the
    same numbers as one that never was. Where it has a time limit it doesn't: the learning rate
    then follows the clock.

    Args:
        spec: What to train. Its time limit is that of what is left.
        data: The images.
        catalog: Where components and metrics come from.
        shelf: Of the worker, where a frozen backbone may be found.
    """

    def __init__(
        self, spec: TrialSpec, data: TrialData, catalog: Catalog, shelf: Shelf | None = None
    ) -> None:
        self._spec, self._data, self._catalog = spec, data, catalog
        self._shelf = shelf or Shelf()

    def run(self, talk: TrialTalk) -> dict[str, Any]:
        """Train, score, and save what the orchestrator wants kept.

        Args:
            talk: Hears of every epoch, and of the score.
        Returns:
            The fields of a `TrialResult`, JSON-ready; those of the whole trial, in however many
            pieces it ran. Seconds that a cut-off undid aren't counted.
        Raises:
            TrialFailureError: the loss or the score is not finite.
            OSError: what came out of it can't be written.
        """
        make_deterministic(self._spec.seed)
        parts = Assembly(self._spec, self._data, self._catalog, talk, self._shelf)
        metric = self._catalog.metrics.get(self._data.context.metric)
        course = Course(self._spec, self._data, metric, parts, talk)
        fit = course.run()
        scores = self._record(fit)
        state = "pruned" if fit.ended == "pruned" else "complete"
        if state == "complete" and talk.scored(fit.value, fit.log_loss) == "keep":
            _save(parts.saved(), Path(self._spec.folder) / "model.keras")
            talk.alive()
        return {
            "state": state,
            "value": fit.value,
            "reason": "" if fit.ended == "epochs" else fit.ended,
            "epochs": len(fit.history),
            "best_epoch": fit.best_epoch,
            "seconds": round(course.elapsed(), 3),
            "validation": scores,
            "log_loss": fit.log_loss,
            "gradcam_layer": parts.gradcam_layer,
            "extracted": parts.extracted,
            "extraction_s": round(parts.extraction_s, 3),
        }

    def _record(self, fit: Fit) -> dict[str, float]:
        """Write history and predictions; return every metric on the validation split."""
        side, folder = self._data.side("validation"), Path(self._spec.folder)
        scores = validation_scores(self._catalog.metrics.make_all(), side.labels, fit.y_prob)
        files.write_text(folder / "history.csv", _as_csv(fit.history))
        with files.replacing(folder / "predictions.npz") as temporary:
            save_predictions(temporary, side, fit.y_prob)
        return scores


def score_model(
    model: keras.Model,
    side: Side,
    data: TrialData,
    out: Path,
    alive: Callable[[], None] | None = None,
) -> None:
    """Apply a classifier to one side of the split and write its predictions.

    Args:
        model: Images (N, H, W, C) in [0, 255] to probabilities (N, K).
        side: Which images.
        data: Where they are.
        out: The npz to write.
        alive: Called after each batch.
    Raises:
        OSError: the predictions can't be written.
    """
    y_prob = predict_rows(model, data.pixels, side.rows, alive=alive).astype(np.float64)
    with files.replacing(out) as temporary:
        save_predictions(temporary, side, y_prob)


def forget() -> None:
    """Free what the last trial left behind in Keras."""
    keras.backend.clear_session()
    gc.collect()


def _save(network: Network, path: Path) -> None:
    with files.replacing(path) as temporary:
        network.classifier().save(temporary)


def _as_csv(rows: list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
