"""The verdict: the test split is opened once, by the very file that selection chose."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from automedimg.contracts import (
    Event,
    Executor,
    FloatArray,
    IntArray,
    Metric,
    Notice,
    ScoreSpec,
    StageStarted,
    TrialResult,
)
from automedimg.data import files
from automedimg.data.prepare import PreparedData
from automedimg.data.splits import TEST
from automedimg.errors import RunError
from automedimg.evaluation import confusion_matrix, interval_scores
from automedimg.evaluation.scores import validation_scores
from automedimg.registry import Catalog
from automedimg.search import models
from automedimg.search.record import now
from automedimg.search.stopping import Stop
from automedimg.version import RUN_FORMAT

TOLERANCE = {"cpu": 1e-3, "gpu": 2e-2}
"""How far the saved file's probabilities may be from the chosen model's: GPUs round more."""

MAX_LOST = 5
"""Workers that may be killed from outside while they apply the model."""

Openings = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the best trial of a run.

    Args:
        folder: The run directory.
        run: What `run.json` says.
        data: The prepared data.
        catalog: Where the metrics come from.
        executor: Started; applies the model.
        emit: Hears about it.
    """

    folder: Path
    run: dict[str, Any]
    data: PreparedData
    catalog: Catalog
    executor: Executor
    emit: Callable[[Event], None]

    def judge(self, best: TrialResult, before: dict[str, Any] | None) -> dict[str, Any]:
        """Score the best trial's file on the test split.

        Args:
            best: The trial that selection chose.
            before: An earlier session's result, if any. If it judged the same trial, its verdict
                stands and the test split stays closed.
        Returns:
            ``test``, ``test_images``, ``test_groups``, ``confusion`` and ``test_openings``.
        """
        openings: Openings = list(self.run["test_openings"])
        kept = ("test", "test_images", "test_groups", "confusion", "test_openings")
        same = bool(openings) and openings[-1]["trial"] == best.number
        if before and same and before["best"]["trial"] == best.number:
            return {name: before[name] for name in kept}
        self.emit(StageStarted(f"opening the test split for trial {best.number}"))
        self._install(best)
        self._check_selection(best)
        if not same:
            # Before it is opened: a kill in the middle must not make it look closed.
            openings.append({"at": now(), "trial": best.number})
            self.run["test_openings"] = openings
            files.write_json(self.folder / "run.json", self.run)
        y_true, y_prob = self._predict(best, "test")
        if len(openings) > 1:
            self.emit(
                Notice(
                    f"the test split has now been opened {len(openings)} times, because the run "
                    "was continued and another trial leads: read its scores with that in mind",
                    important=True,
                )
            )
        groups = self.data.groups[self.data.splits == TEST]
        metrics: dict[str, Metric] = self.catalog.metrics.make_all()
        seed = int(self.run["seed"])
        classes = len(self.run["classes"])
        return {
            "test": interval_scores(metrics, y_true, y_prob, groups, seed=seed),
            "test_images": len(y_true),
            "test_groups": len(np.unique(groups)),
            "confusion": confusion_matrix(y_true, y_prob, classes).tolist(),
            "test_openings": openings,
        }

    def score_train(
        self, best: TrialResult, before: dict[str, Any] | None, *, asked: bool
    ) -> dict[str, float]:
        """Score the best trial's file on the training split, after `judge`.

        Args:
            best: As for `judge`.
            before: As for `judge`; what it says of the same trial stands.
            asked: Whether anybody wants to know.
        Returns:
            Finite values by metric; empty if nobody wants to know.
        """
        if before and before["best"]["trial"] == best.number and before.get("train"):
            return dict(before["train"])
        if not asked:
            return {}
        self.emit(StageStarted(f"scoring trial {best.number} on the training split"))
        return validation_scores(self.catalog.metrics.make_all(), *self._predict(best, "train"))

    def _install(self, best: TrialResult) -> None:
        """Copy the chosen trial's file to ``best/`` and say beside it how to use it."""
        source = models.model_path(self.folder, best.number)
        if not source.is_file():
            raise RunError(
                f"the model of trial {best.number} is not in `{source.parent}`",
                "it was deleted or never written; run the search again in a new folder",
            )
        folder = files.make_folder(self.folder / "best")
        (folder / "train.npz").unlink(missing_ok=True)  # another trial's, perhaps
        with files.replacing(folder / models.MODEL) as temporary:
            shutil.copyfile(source, temporary)
        names = ("task", "synthetic", "protocol", "classes", "positive", "image_size", "channels")
        about = {name: self.run[name] for name in names}
        about |= {"format": RUN_FORMAT, "trial": best.number, "params": dict(best.params)}
        about |= {"threshold": 0.5 if self.run["positive"] else None}
        about |= {"gradcam_layer": best.gradcam_layer}
        about |= {"preprocessing": best.params["preprocessing"]}
        files.write_json(folder / "model.json", about)

    def _check_selection(self, best: TrialResult) -> None:
        """Make sure that the file is the model that was chosen: it must predict the same.

        Probabilities are compared, not scores: a network that has collapsed to nearly equal
        outputs ranks them by their last bits.
        """
        _, y_prob = self._predict(best, "validation")
        recorded = models.trial_folder(self.folder, best.number) / "predictions.npz"
        with np.load(recorded, allow_pickle=False) as table:
            gap = float(np.abs(table["y_prob"] - y_prob).max())
        # The trial may have been trained in an earlier session, on another device.
        kind = "cpu" if {*self.executor.devices, *self.run["devices"]} == {"cpu"} else "gpu"
        if not gap <= TOLERANCE[kind]:
            raise RunError(
                f"the saved model of trial {best.number} is not the one that was chosen: its "
                f"probabilities on the validation split differ by up to {gap:.4f}",
                "this is a bug in a backbone or head plugin, or the file was changed",
            )

    def _predict(
        self, best: TrialResult, split: Literal["train", "validation", "test"]
    ) -> tuple[IntArray, FloatArray]:
        out = self.folder / "best" / f"{split}.npz"
        model = str(self.folder / "best" / models.MODEL)
        spec = ScoreSpec(model, best.params["preprocessing"], split, str(out))
        job, lost = self.executor.submit(spec), 0
        while True:
            for message in self.executor.messages(0.5):
                if message.job != job:
                    continue
                if message.kind == "lost" and lost < MAX_LOST:
                    job, lost = self.executor.submit(spec), lost + 1
                elif message.kind in ("failed", "lost"):
                    raise RunError(
                        f"the best model can't be applied to the {split} split: "
                        f"{message.data['reason']}",
                        "log.txt in the run directory says more; `automedimg resume` tries again",
                    )
                elif message.kind == "finished":
                    with np.load(out, allow_pickle=False) as table:
                        return table["y_true"], table["y_prob"]


def nothing_learnt(finished: list[TrialResult], stop: Stop) -> RunError:
    """What to say of a search that has no model to judge."""
    if not finished:
        return RunError(
            f"no trial finished before the search ended ({stop.rule}: {stop.why})",
            "`automedimg resume` continues it; give it more with `--extend --time`",
        )
    reasons = Counter(result.reason or result.state for result in finished)
    listed = "; ".join(f"{number} x {reason}" for reason, number in reasons.most_common(3))
    return RunError(
        f"none of {len(finished)} trials gave a model: {listed}",
        "trials/*/error.txt and log.txt in the run directory say more",
    )
