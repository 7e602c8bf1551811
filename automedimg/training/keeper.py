"""When a trial writes its checkpoints, and what it goes on from."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy.typing as npt

from automedimg.contracts import TrialSpec
from automedimg.training import checkpoint
from automedimg.training.checkpoint import FILE, Checkpoint
from automedimg.training.features import content_hash
from automedimg.training.global_random import only_random, take_random
from automedimg.training.outcome import Fit, Progress
from automedimg.training.precision import training_policy
from automedimg.training.state import ModelState
from automedimg.training.trial_data import TrialData

FREE = ("folder", "time_limit_s", "checkpoint_s", "weights", "part_weights", "tensorboard")
"""Fields of a spec that a trial may go on without: of a weight file the content counts.
"""

SHARE = 0.05
"""Share of the time that checkpoints may take: a large network's are written less often."""

MOST_S = 60.0
"""But never less often than this, unless it is asked for: a cut-off shall cost a minute at most."""


class Keeper:
    """Writes a trial's checkpoints, one over the other, and finds the last one.

    The file stays when the trial ends: until its result has been recorded, it may have to be
    reached again.

    Args:
        spec: Of the trial.
        data: What it sees.
        model: Compiled, as the seed and the weight file made it.
        elapsed: Returns the seconds since the trial began, those of earlier pieces included.
    """

    def __init__(
        self, spec: TrialSpec, data: TrialData, model: keras.Model, elapsed: Callable[[], float]
    ) -> None:
        self.found: Progress | None = None
        self._path, self._interval_s = Path(spec.folder) / FILE, spec.checkpoint_s
        self._state, self._elapsed = ModelState(model), elapsed
        self._mark = checkpoint.fingerprint(identity(spec, data), self._state.identity())
        self._last, self._works = time.monotonic(), True

    def find(self) -> Progress | None:
        """Bring the model to where the checkpoint left it; None, and no change, if there is none.

        It is also kept as `found`.
        """
        checkpoint.remove_leftovers(self._path)
        kept = checkpoint.read(self._path, self._mark)
        if kept is None:
            return None
        try:
            about = kept.about
            fit = Fit(about["history"], about["best_epoch"], kept.arrays["y_prob"])
            best = self._state.put(kept.arrays)
            self.found = Progress(
                fit, best, about["fit_s"], about["trial_s"], only_random(kept.arrays)
            )
        except (KeyError, ValueError) as error:
            checkpoint.refuse(self._path, error)
        return self.found

    def keep(self, fit: Fit, best: Sequence[npt.NDArray[Any]], fit_s: float) -> None:
        """Write a checkpoint, if it is time.

        Where that fails, the trial says so in the log, once, and goes on without.

        Args:
            fit: Its epochs so far; the last one has ended.
            best: The model's weights at the best of them.
            fit_s: Seconds since the fit began.
        """
        began = time.monotonic()
        if not self._works or began - self._last < self._interval_s:
            return
        about = {
            "history": fit.history,
            "best_epoch": fit.best_epoch,
            "fit_s": fit_s,
            "trial_s": self._elapsed(),
        }
        arrays = {**self._state.take(best), **take_random(), "y_prob": fit.y_prob}
        try:
            checkpoint.write(self._path, self._mark, Checkpoint(about, arrays))
        except OSError as error:
            # Each further attempt would fill the disk again, at the cost of the other trials.
            self._works = False
            sys.stderr.write(f"{self._path}: the trial goes on without checkpoints: {error}\n")
        self._last = time.monotonic()
        if 0 < self._interval_s < MOST_S:
            self._interval_s = min(max(self._interval_s, (self._last - began) / SHARE), MOST_S)


def identity(spec: TrialSpec, data: TrialData) -> dict[str, Any]:
    """What a checkpoint is valid for, beside the model's variables: plain JSON types."""
    context = data.context
    return {
        "spec": {name: value for name, value in spec.to_json().items() if name not in FREE},
        "weights": content_hash(spec.weights),
        "part_weights": {name: content_hash(p) for name, p in sorted(spec.part_weights.items())},
        "data": context.data_fingerprint,
        "pixels": data.source.parent.name,
        "classes": list(context.classes),
        "metric": context.metric,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "precision": training_policy(spec.train),
    }
