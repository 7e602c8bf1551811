"""TensorBoard's own reader finds what was written, each epoch once."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from automedimg.errors import ConfigurationError
from automedimg.training.event_log import EventLog, check_package

pytest.importorskip("tensorboard")


def row(epoch: int, **more: float) -> dict[str, float]:
    return {"epoch": epoch, "seconds": 2.0 * epoch, "loss": 1 / epoch, "value": 0.5, **more}


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows: (step, value) by tag; its reader is that of its server."""
    from tensorboard.backend.event_processing import directory_loader, event_file_loader
    from tensorboard.util import tensor_util

    found: dict[str, list[tuple[int, float]]] = {}
    loader = directory_loader.DirectoryLoader(
        str(folder), event_file_loader.TimestampedEventFileLoader
    )
    for event in loader.Load():
        for value in event.summary.value:
            number = float(tensor_util.make_ndarray(value.tensor))
            found.setdefault(value.tag, []).append((event.step, pytest.approx(number)))
    return found


def test_every_epoch_is_there_with_its_numbers(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "auc")
    log.begin([])
    log.add(row(1, learning_rate=0.1, val_log_loss=0.7))
    log.add(row(2, learning_rate=0.05, val_log_loss=0.6))
    assert read(tmp_path / "tensorboard") == {
        "train/loss": [(1, 1.0), (2, 0.5)],
        "validation/auc": [(1, 0.5), (2, 0.5)],
        "validation/log_loss": [(1, 0.7), (2, 0.6)],
        "learning_rate": [(1, 0.1), (2, 0.05)],
    }


def test_a_second_piece_takes_the_first_one_s_place(tmp_path: Path) -> None:
    for history in ([], [row(1), row(2)]):
        log = EventLog(tmp_path, "auc")
        log.begin(history)
        for epoch in range(len(history) + 1, 5):
            log.add(row(epoch))
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
    assert [step for step, _ in read(tmp_path / "tensorboard")["train/loss"]] == [1, 2, 3, 4]


def test_the_epochs_of_earlier_pieces_keep_their_distance_in_time(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing import event_file_loader

    log = EventLog(tmp_path, "auc")
    log.begin([row(1), row(2), row(3)])
    (path,) = (tmp_path / "tensorboard").iterdir()
    times = [event.wall_time for event in event_file_loader.EventFileLoader(str(path)).Load()]
    assert times[3] - times[2] == pytest.approx(2.0, abs=1e-3)
    assert times == sorted(times)


def test_tensorflow_is_not_needed(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from automedimg.training.event_log import EventLog\n"
        "log = EventLog(Path('.'), 'auc')\n"
        "log.begin([])\n"
        "log.add({'epoch': 1, 'seconds': 1.0, 'loss': 0.5})\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert read(tmp_path / "tensorboard") == {"train/loss": [(1, 0.5)]}


def test_a_missing_package_is_said_with_what_brings_it(monkeypatch: Any) -> None:
    check_package()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="`tensorboard` is not installed") as caught:
        check_package()
    assert "automedimg[tensorboard]" in (caught.value.hint or "")
