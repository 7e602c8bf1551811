"""TensorBoard's files of a trial, written without TensorFlow."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from automedimg.data import files
from automedimg.errors import ConfigurationError

FOLDER = "tensorboard"
"""Its name in the trial's folder."""

PACKAGE = "tensorboard"

MARK = "events.out.tfevents"
"""How TensorBoard knows its files."""


def check_package() -> None:
    """Raise if the package that writes the files is missing.

    Raises:
        ConfigurationError: it is.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise ConfigurationError(
            f"logs for TensorBoard were asked for, but the package `{PACKAGE}` is not installed",
            "`pip install 'automedimg[tensorboard]'`",
        )


class EventLog:
    """The scalars of a trial's epochs, as TensorBoard reads them.

    Each piece of a trial writes one file, with the epochs of the pieces before it, in place of
    theirs: no epoch is there twice, nor one that a cut-off undid.

    Args:
        folder: Of the trial.
        metric: Name of the metric that selects.
    """

    def __init__(self, folder: Path, metric: str) -> None:
        self._folder, self._path = folder / FOLDER, folder
        self._tags = {
            "loss": "train/loss",
            "accuracy": "train/accuracy",
            "value": f"validation/{metric}",
            "val_log_loss": "validation/log_loss",
            "val_accuracy": "validation/accuracy",
            "learning_rate": "learning_rate",
        }

    def begin(self, history: Sequence[Mapping[str, float]]) -> None:
        """Begin a file with the epochs so far.

        Args:
            history: Their rows.
        Raises:
            OSError: it can't be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        files.make_folder(self._folder)
        for old in self._folder.glob(f"{MARK}.*"):
            old.unlink()
        self._path = self._folder / f"{MARK}.{time.time_ns()}"
        now = time.time()
        start = now - (history[-1]["seconds"] if history else 0.0)
        self._write(Event(wall_time=start, file_version="brain.Event:2"))
        # A TensorBoard that has read the file before this one forgets what it read there.
        begin = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=start, step=1, session_log=begin))
        for row in history:
            self._add(row, start + row["seconds"])

    def add(self, row: Mapping[str, float]) -> None:
        """Add an epoch.

        Raises:
            OSError: it can't be written.
        """
        self._add(row, time.time())

    def _add(self, row: Mapping[str, float], wall_time: float) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=tag, simple_value=row[name])
            for name, tag in self._tags.items()
            if name in row
        ]
        self._write(
            Event(wall_time=wall_time, step=int(row["epoch"]), summary=Summary(value=values))
        )

    def _write(self, event: object) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        with self._path.open("ab") as file:
            RecordWriter(file).write(event.SerializeToString())  # type: ignore[attr-defined]
