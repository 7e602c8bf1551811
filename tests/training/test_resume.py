"""A trial that was cut off goes on, and comes to what one comes to that never was: to the bit."""

from __future__ import annotations

import csv
import errno
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from resuming import CASES, CutOffError, Line, make_spec, run, write_data

from automedimg.contracts import RunContext
from automedimg.registry import load_catalog
from automedimg.training.backend import load_keras


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    load_keras()
    return write_data(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def whole(context: RunContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What each case comes to without being cut off, without a checkpoint being written."""
    folder, known = tmp_path_factory.mktemp("whole"), {}

    def find(case: str) -> dict[str, Any]:
        if case not in known:
            spec = make_spec(folder / case, case, checkpoint_s=1e9)
            known[case] = run(context, spec)
            assert not (folder / case / "checkpoint.npz").exists()
        return known[case]

    yield find


def test_a_plateau_has_halved_the_learning_rate_before_the_cut_and_after_it(whole: Any) -> None:
    rates = [float(row["learning_rate"]) for row in whole("frozen-plateau")["history"]]
    assert rates[2] < rates[0]
    assert rates[4] < rates[2]


def cut(context: RunContext, folder: Path, line: Line, case: str = "scratch", **rest: Any) -> None:
    with pytest.raises(CutOffError):
        run(context, make_spec(folder, case, **rest), line)


SLOW = (
    "scratch-exponential",
    "scratch-rmsprop-undersample",
    "scratch-sgd-oversample",
    "scratch-accumulate",
    "finetune-mobilenet",
)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if case in SLOW else ()) for case in CASES],
)
def test_a_trial_goes_on_as_if_nothing_had_been(
    context: RunContext, whole: Any, tmp_path: Path, case: str
) -> None:
    folder = tmp_path / "trial"
    cut(context, folder, Line(cut_at=3, cut_after=2), case)
    line = Line()
    found = run(context, make_spec(folder, case), line)
    assert line.epochs == [4, 5]
    assert found == whole(case)
    assert [int(row["epoch"]) for row in found["history"]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (Line(cut_at=1), [1, 2, 3, 4, 5]),
        pytest.param(Line(cut_at=1, cut_after=0), [2, 3, 4, 5], marks=pytest.mark.slow),
        pytest.param(Line(cut_at=2), [2, 3, 4, 5], marks=pytest.mark.slow),
        pytest.param(Line(cut_at=4, cut_after=3), [5], marks=pytest.mark.slow),
        pytest.param(Line(cut_at=5), [5], marks=pytest.mark.slow),
        (Line(cut_at=5, cut_after=0), []),  # right after the last checkpoint
    ],
)
def test_at_any_moment(
    context: RunContext, whole: Any, tmp_path: Path, line: Line, left: list[int]
) -> None:
    cut(context, tmp_path, line)
    again = Line()
    assert run(context, make_spec(tmp_path), again) == whole("scratch")
    assert again.epochs == left
    assert again.scores == 1


@pytest.mark.slow
def test_more_than_once(context: RunContext, whole: Any, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        cut(context, tmp_path, Line(cut_at=number, cut_after=2))
    cut(context, tmp_path, Line(cut_at=4))
    assert run(context, make_spec(tmp_path), Line()) == whole("scratch")


def test_after_the_end_for_as_long_as_nobody_recorded_it(
    context: RunContext, whole: Any, tmp_path: Path
) -> None:
    """A kill between the score and the word that it is finished: the same again."""
    first = run(context, make_spec(tmp_path), Line())
    line = Line()
    assert run(context, make_spec(tmp_path), line) == first == whole("scratch")
    assert (line.epochs, line.scores) == ([], 1)


@pytest.mark.slow
def test_with_epochs_between_checkpoints(context: RunContext, whole: Any, tmp_path: Path) -> None:
    cut(context, tmp_path, Line(cut_at=2, cut_after=1))
    cut(context, tmp_path, Line(cut_at=4, cut_after=1), checkpoint_s=1e9)
    line = Line()
    assert run(context, make_spec(tmp_path), line) == whole("scratch")
    assert line.epochs == [3, 4, 5]


@pytest.mark.parametrize("cut_after", [0, pytest.param(None, marks=pytest.mark.slow)])
def test_patience_goes_on_and_ends_the_trial_at_its_epoch(
    context: RunContext, tmp_path: Path, cut_after: int | None
) -> None:
    patient = {"train": "frozen", "patience": 2, "epochs": 40, "fit": {"learning_rate": 0.03}}
    expected = run(context, make_spec(tmp_path / "whole", **patient))
    last = expected["epochs"]
    assert expected["reason"] == "patience" and 2 < last < 40
    cut(context, tmp_path / "cut", Line(cut_at=last, cut_after=cut_after), **patient)
    line = Line()
    assert run(context, make_spec(tmp_path / "cut", **patient), line) == expected
    assert line.epochs == ([last] if cut_after is None else [])


@pytest.mark.parametrize("answer", ["prune", pytest.param("stop", marks=pytest.mark.slow)])
def test_an_answer_that_ends_the_trial_ends_it_again(
    context: RunContext, tmp_path: Path, answer: Any
) -> None:
    spec = make_spec(tmp_path)
    expected = run(context, spec, Line(end=(4, answer)))
    line = Line(end=(4, answer))
    assert run(context, spec, line) == expected
    assert line.epochs == [4]  # the last checkpoint is the third epoch's


@pytest.mark.slow
@pytest.mark.parametrize("case", ["scratch", "finetune"])
def test_in_a_new_process(context: RunContext, whole: Any, tmp_path: Path, case: str) -> None:
    cut(context, tmp_path, Line(cut_at=3), case)
    said = in_new_process(context, tmp_path, case)
    assert said["epochs"] == [3, 4, 5]
    assert said["found"] == whole(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["scratch", "finetune", "frozen", "scratch-accumulate"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on_the_other_backends(
    context: RunContext, tmp_path: Path, backend: str, case: str
) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    expected = in_new_process(context, tmp_path / "whole", case, backend=backend)
    first = in_new_process(context, tmp_path / "cut", case, "2", backend=backend)
    assert first == {"epochs": [1, 2], "found": None}
    said = in_new_process(context, tmp_path / "cut", case, backend=backend)
    assert said["epochs"] == [3, 4, 5]
    assert said["found"] == expected["found"]


def in_new_process(
    context: RunContext, folder: Path, *arguments: str, backend: str = "tensorflow"
) -> Any:
    script = Path(__file__).with_name("resuming.py")
    ran = subprocess.run(
        [sys.executable, script, Path(context.rows).parent, folder, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_seconds_are_those_of_all_pieces(
    context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from automedimg.training import course, trial, watch

    class Clock:
        """A clock whose hours pass between the pieces."""

        now = 1000.0

        def monotonic(self) -> float:
            self.now += 0.001
            return self.now

    clock = Clock()
    for module in (course, watch):
        monkeypatch.setattr(module, "time", clock)

    class Slow(Line):
        def epoch(self, row: Any) -> Any:
            clock.now += 10
            return super().epoch(row)

    with pytest.raises(CutOffError):
        run(context, make_spec(tmp_path), Slow(cut_at=3))  # the checkpoint is 20 s old
    clock.now += 3600
    data = trial.TrialData(context, "stretch")
    result = trial.Trial(make_spec(tmp_path), data, load_catalog()).run(Slow())
    assert result["seconds"] == pytest.approx(50, abs=1)
    seconds = [float(row["seconds"]) for row in history(tmp_path)]
    assert seconds == pytest.approx([0, 10, 20, 30, 40], abs=1)


def test_with_a_time_limit_the_learning_rate_goes_on_along_the_clock(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second piece that has as much time as the first one had begins half way down."""
    from automedimg.training import watch
    from automedimg.training.outcome import Fit, Progress

    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    batches: Any = SimpleNamespace(begin=lambda epoch: None)
    spec = make_spec(Path(context.rows).parent, epochs=100)
    objective: Any = SimpleNamespace(maximize=True)
    led = watch.Watch(batches, objective, spec, Line(), 1060.0, None)
    led.resume(Progress(Fit([{}], 1, np.empty((0, 0))), [], fit_s=60.0, trial_s=70.0))
    led.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5)))
    led.on_train_begin()
    led.on_epoch_begin(1)
    assert led.model.optimizer.learning_rate == pytest.approx(0.25)


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("number", [errno.ENOSPC])
def test_a_full_disk_costs_the_checkpoints_only(
    context: RunContext,
    whole: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: int,
) -> None:
    from automedimg.training import checkpoint

    attempts = []

    def fail(path: Path, **rest: Any) -> None:
        Path(path).write_bytes(b"the beginning")
        attempts.append(path)
        raise OSError(number, os.strerror(number), str(path))

    everything = {name: getattr(np, name) for name in ("load", "frombuffer", "uint8")}
    monkeypatch.setattr(checkpoint, "np", SimpleNamespace(savez=fail, **everything))
    assert run(context, make_spec(tmp_path)) == whole("scratch")
    assert len(attempts) == 1
    said = capfd.readouterr().err
    assert said.count("goes on without checkpoints") == 1
    assert os.strerror(number) in said
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["history.csv", "model.keras", "predictions.npz"]


@pytest.mark.parametrize("train", ["frozen", pytest.param("scratch", marks=pytest.mark.slow)])
def test_what_is_noted_on_request_is_noted_once_and_changes_nothing(
    context: RunContext, whole: Any, tmp_path: Path, train: str
) -> None:
    """Training accuracy and TensorBoard's logs, with a cut in between."""
    pytest.importorskip("tensorboard")
    from test_event_log import read

    more = {"score_train": True, "tensorboard": True}
    cut(context, tmp_path, Line(cut_at=3, cut_after=2), train, **more)
    found = run(context, make_spec(tmp_path, train, **more))
    accuracies = [float(row.pop("accuracy")) for row in found["history"]]
    assert all(0 < accuracy <= 1 for accuracy in accuracies)
    assert found == whole(train)
    logged = read(tmp_path / "tensorboard")
    assert [step for step, _ in logged["train/accuracy"]] == [1, 2, 3, 4, 5]
    assert [value for _, value in logged["train/accuracy"]] == accuracies
    assert len(logged) == 6
