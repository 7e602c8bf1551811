"""Use a saved classifier on image files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from automedimg.data import decoding, files, forming, reading
from automedimg.data.levels import grey_levels
from automedimg.data.preprocessing import parse_preprocessing
from automedimg.errors import RunError
from automedimg.training.loading import load_classifier

BATCH = 64

Grey: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about one image file.

    Args:
        path: As it was given.
        label: The class that it is taken for; empty if the file can't be read.
        probabilities: By class, summing to 1; None if the file can't be read.
        error: Why the file can't be read; empty if it can.
    """

    path: str
    label: str = ""
    probabilities: dict[str, float] | None = None
    error: str = ""


class Classifier:
    """A run's best model, loaded.

    Args:
        folder: Holds ``model.keras`` and ``model.json``.
    Raises:
        RunError: they aren't there, or can't be loaded.
        BackendError: no Keras backend is installed.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "model.keras").is_file():
            raise RunError(
                f"`{folder}` holds no model yet",
                "finish the search first: the same command with the same `--out` goes on",
            )
        self.about: dict[str, Any] = files.read_versioned(folder / "model.json")
        self.classes: tuple[str, ...] = tuple(self.about["classes"])
        (self._how,) = parse_preprocessing([self.about["preprocessing"]])
        try:
            self.model = load_classifier(folder / "model.keras")
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise RunError(f"the model in `{folder}` can't be loaded: {error}") from error

    def predict(self, paths: Iterable[str | Path]) -> Iterator[Prediction]:
        """Classify image files, in batches; unreadable ones come back with their reason.

        Args:
            paths: Any number of files.
        """
        remaining = iter(paths)
        while chunk := [Path(path) for path in islice(remaining, BATCH)]:
            yield from self._predict(chunk)

    def _predict(self, paths: list[Path]) -> Iterator[Prediction]:
        from automedimg.training.batches import predict_rows

        images, reasons = [], []
        with reading.strict_pillow():
            for path in paths:
                image, reason = self.read(path)
                reasons.append(reason)
                if image is not None:
                    images.append(image)
        rows = np.arange(len(images), dtype=np.int64)
        known = iter(predict_rows(self.model, np.stack(images), rows) if images else ())
        for path, reason in zip(paths, reasons, strict=True):
            if reason:
                yield Prediction(str(path), error=reason)
            else:
                yield self._describe(path, next(known))

    def read(self, path: Path) -> tuple[Grey | None, str]:
        """Read one file as the model takes it: float32 (H, W, C) in [0, 255], or why it can't be.

        Of a file with several images, the first is read.
        """
        size, channels = self.about["image_size"], self.about["channels"]
        (raw,) = reading.read_parts(path, [""], hint_side=decoding.hint_side(size))
        if isinstance(raw, str):
            return None, raw
        return grey_levels(forming.form(raw, self._how, size, channels)), ""

    def _describe(self, path: Path, row: Any) -> Prediction:
        probabilities = {
            name: round(float(p), 6) for name, p in zip(self.classes, row, strict=True)
        }
        return Prediction(str(path), self.classes[int(np.argmax(row))], probabilities)
