"""A run directory, read back: what was asked, every trial, the best model, the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automedimg.contracts import TrialResult
from automedimg.data import files
from automedimg.errors import RunError

if TYPE_CHECKING:
    from automedimg.training.inference import Prediction


class Run:
    """A run directory.

    Args:
        folder: What ``--out`` named.
    Raises:
        RunError: it is not a run directory.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.exists():
            raise RunError(f"no such run: `{self.folder}`", "`--out` of a search names one")
        if not (self.folder / "run.json").is_file():
            raise RunError(
                f"`{self.folder}` is not a run directory: it has no run.json",
                "`automedimg search` makes one",
            )

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @cached_property
    def config(self) -> dict[str, Any]:
        """What was asked, with data fingerprint, seed, versions and devices: `run.json`."""
        return files.read_versioned(self.folder / "run.json")  # type: ignore[no-any-return]

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """The verdict, as ``--json`` prints it; None while there is none."""
        path = self.folder / "result.json"
        return files.read_json(path) if path.is_file() else None

    @cached_property
    def audit(self) -> dict[str, Any]:
        """What is in the data, and what the split leaks."""
        return files.read_json(self.folder / "audit.json")  # type: ignore[no-any-return]

    @cached_property
    def trials(self) -> list[TrialResult]:
        """Every finished trial, by number."""
        from automedimg.search.ledger import read_ledger

        return read_ledger(self.folder)

    @property
    def best(self) -> TrialResult | None:
        """The trial that was chosen, or that leads while there is no verdict; None without any."""
        from automedimg.search.stopping import best_of

        if self.result is not None:
            chosen = self.result["best"]["trial"]
            for trial in self.trials:
                if trial.number == chosen:
                    return trial

        return best_of(self.trials, self.config["direction"] == "maximize")

    @property
    def test_scores(self) -> dict[str, dict[str, float | None]]:
        """Each metric on the test split: value, and low and high end of its 95 % interval.

        Raises:
            RunError: there is no verdict yet.
        """
        if self.result is None:
            raise RunError(f"`{self.folder}` has no verdict yet", "finish the search first")
        scores: dict[str, dict[str, float | None]] = self.result["test"]
        return scores

    @property
    def train_scores(self) -> dict[str, float]:
        """Each metric on the training split.

        Raises:
            RunError: there is no verdict yet, or nobody asked for them.
        """
        if self.result is None or not self.result.get("train"):
            raise RunError(
                f"`{self.folder}` has no scores on the training split",
                f"`automedimg resume {self.folder} --score-train` adds them",
            )
        scores: dict[str, float] = self.result["train"]
        return scores

    @property
    def model_path(self) -> Path:
        """The best model, a Keras file from images (N, H, W, C) in [0, 255] to probabilities."""
        return self.folder / "best" / "model.keras"

    def predict(self, images: Iterable[str | Path]) -> list[Prediction]:
        """Classify image files with the best model.

        Raises:
            RunError: there is no model yet.
        """
        from automedimg.training.inference import Classifier

        return list(Classifier(self.folder / "best").predict(images))
