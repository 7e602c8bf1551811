"""The checkpoint file: whole, of this trial, or as good as absent; no larger than need be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from resuming import CutOffError, Line, make_spec, run, write_data

from automedimg.contracts import RunContext
from automedimg.registry import load_catalog
from automedimg.training.backend import load_keras, make_deterministic

ABOUT = {"history": [{"value": 0.1 + 0.2}], "best_epoch": 1}


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_keras()


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "model/0": rng.normal(size=(7, 5)).astype(np.float32),
        "model/1": np.float32(-0.0).reshape(()),
        "optimizer/0": np.array(3, dtype=np.int64),
        "best/0": np.array([np.nan, 1.0]),
        "y_prob": np.empty((0, 2)),
    }


def write(path: Path, mark: str = "mark") -> bytes:
    from automedimg.training.checkpoint import Checkpoint
    from automedimg.training.checkpoint import write as write_checkpoint

    write_checkpoint(path, mark, Checkpoint(ABOUT, arrays()))
    return path.read_bytes()


def is_as_written(found: Any) -> bool:
    same = {name: value.tobytes() for name, value in arrays().items()}
    return (
        {name: value.tobytes() for name, value in found.arrays.items()} == same
        and all(found.arrays[name].dtype == value.dtype for name, value in arrays().items())
        and all(found.arrays[name].shape == value.shape for name, value in arrays().items())
        and all(found.about[name] == value for name, value in ABOUT.items())
    )


def test_what_is_read_is_what_was_written(keras: Any, tmp_path: Path) -> None:
    from automedimg.training.checkpoint import FILE, read

    write(tmp_path / FILE)
    assert is_as_written(read(tmp_path / FILE, "mark"))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_another_trials_counts_as_absent(
    keras: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from automedimg.training.checkpoint import FILE, read

    assert read(tmp_path / FILE, "mark") is None
    assert capfd.readouterr().err == ""
    write(tmp_path / FILE)
    assert read(tmp_path / FILE, "other") is None
    assert "begins anew: ValueError('it is of another trial" in capfd.readouterr().err


def test_a_cut_file_counts_as_absent(keras: Any, tmp_path: Path) -> None:
    from automedimg.training.checkpoint import FILE, read

    path = tmp_path / FILE
    content = write(path)
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        assert read(path, "mark") is None, length


def test_a_changed_file_is_never_believed(keras: Any, tmp_path: Path) -> None:
    from automedimg.training.checkpoint import FILE, read

    path, refused = tmp_path / FILE, 0
    content = write(path)
    rng = np.random.default_rng(1)
    for offset in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[offset] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        found = read(path, "mark")
        refused += found is None
        # Some bytes of a zip, such as its dates, mean nothing here.
        assert found is None or is_as_written(found), offset
    assert refused > len(content) / 3 / 2


@pytest.mark.parametrize(
    "damage",
    [
        "cut",
        "folder",
        *(pytest.param(d, marks=pytest.mark.slow) for d in ("zeros", "text", "empty")),
    ],
)
def test_a_trial_with_a_damaged_checkpoint_begins_anew(
    keras: Any, tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    context = write_data(tmp_path / "data")
    settings = {"train": "frozen", "epochs": 3, "head_values": {"layers": 0, "dropout": 0.0}}
    expected = run(context, make_spec(tmp_path / "whole", **settings))
    spec = make_spec(tmp_path / "cut", **settings)
    with pytest.raises(CutOffError):
        run(context, spec, Line(cut_at=3))
    path = tmp_path / "cut" / "checkpoint.npz"
    content = path.read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "zeros": bytes(len(content)),
        "text": b"not a zip",
        "empty": b"",
    }
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(damaged[damage])
    line = Line()
    assert run(context, spec, line) == expected
    assert line.epochs == [1, 2, 3]
    assert "the trial begins anew" in capfd.readouterr().err


def spec_changes() -> dict[str, dict[str, Any]]:
    return {
        "seed": {"seed": 6},
        "values": {"fit": {"learning_rate": 1e-4}},
        "accumulate": {"accumulate": 2},
        "epochs": {"epochs": 6},
        "head": {"head_values": {"layers": 0, "dropout": 0.5}},
    }


@pytest.fixture
def prepared(keras: Any, tmp_path: Path) -> Any:
    """Makes a compiled network and the keeper of its checkpoints, which writes one."""
    from automedimg.training.assembly import Assembly, Shelf
    from automedimg.training.course import _compile
    from automedimg.training.keeper import Keeper
    from automedimg.training.trial_data import TrialData

    context = write_data(tmp_path / "data")

    def make(spec: Any, context: RunContext = context) -> Any:
        make_deterministic(spec.seed)
        data = TrialData(context, "stretch")
        network = Assembly(spec, data, load_catalog(), Line(), Shelf()).network()
        model = network.for_training(0.5, spec.seed)
        _compile(model, spec)
        return model, Keeper(spec, data, model, lambda: 0.0)

    return make


def keep(model: Any, keeper: Any) -> None:
    from automedimg.training.outcome import Fit

    model.optimizer.build(model.trainable_variables)
    row = {"value": 1.0, "val_log_loss": 0.0}
    keeper.keep(Fit([row], 1, np.ones((2, 2))), model.get_weights(), 1.0)


@pytest.mark.parametrize("name", spec_changes())
def test_a_checkpoint_is_of_one_choice(prepared: Any, tmp_path: Path, name: str) -> None:
    keep(*prepared(make_spec(tmp_path)))
    assert prepared(make_spec(tmp_path))[1].find() is not None
    assert prepared(make_spec(tmp_path, **spec_changes()[name]))[1].find() is None


def test_a_checkpoint_is_of_one_set_of_images(prepared: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    from resuming import read_data

    context = read_data(tmp_path / "data")
    keep(*prepared(make_spec(tmp_path)))
    other = replace(context, data_fingerprint="other")
    assert prepared(make_spec(tmp_path), other)[1].find() is None
    assert prepared(make_spec(tmp_path), replace(context, metric="accuracy"))[1].find() is None


def test_limits_and_intervals_may_change(prepared: Any, tmp_path: Path) -> None:
    keep(*prepared(make_spec(tmp_path)))
    changed = make_spec(tmp_path, time_limit_s=9.0, checkpoint_s=77.0)
    assert prepared(changed)[1].find() is not None


def test_what_a_kill_left_behind_is_removed(prepared: Any, tmp_path: Path) -> None:
    keep(*prepared(make_spec(tmp_path)))
    leftover = tmp_path / ".checkpoint-abc123.npz"
    leftover.write_bytes(b"half of it")
    assert prepared(make_spec(tmp_path))[1].find() is not None
    assert not leftover.exists()


def test_frozen_variables_and_equal_best_weights_are_left_out(
    prepared: Any, tmp_path: Path
) -> None:
    from automedimg.training.state import ModelState

    model, _ = prepared(make_spec(tmp_path))
    backbone = next(layer for layer in model.layers if layer.name == "custom_cnn")
    backbone.trainable = False
    state = ModelState(model)
    model.optimizer.build(model.trainable_variables)
    best = model.get_weights()
    for variable in model.trainable_variables:
        variable.assign(variable + 1)
    (moved, *_) = [layer for layer in backbone.layers if "batch_norm" in layer.name]
    moved.moving_mean.assign(moved.moving_mean + 1)
    taken = state.take(best)
    sizes = sorted(taken[name].shape for name in taken if name.startswith("model/"))
    expected = [tuple(v.shape) for v in [*model.trainable_variables, moved.moving_mean]]
    assert sizes == sorted(expected)
    assert sum(name.startswith("best/") for name in taken) == len(expected)
    again, _ = prepared(make_spec(tmp_path))
    next(layer for layer in again.layers if layer.name == "custom_cnn").trainable = False
    put = ModelState(again).put(taken)
    assert all(np.array_equal(a, b) for a, b in zip(put, best, strict=True))
    pairs = zip(again.get_weights(), model.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_what_does_not_fit_changes_nothing(prepared: Any, tmp_path: Path) -> None:
    from automedimg.training.state import ModelState

    model, _ = prepared(make_spec(tmp_path))
    state = ModelState(model)
    model.optimizer.build(model.trainable_variables)
    taken, before = state.take(model.get_weights()), model.get_weights()
    last = max(taken, key=lambda name: (name.startswith("model/"), name))
    for bad in (None, np.zeros((1, 2, 3), np.float32), taken[last].astype(np.float64)):
        wrong = {name: value + 1 for name, value in taken.items()} | {last: bad}
        with pytest.raises(ValueError, match=r"^it"):
            state.put({name: value for name, value in wrong.items() if value is not None})
        pairs = zip(model.get_weights(), before, strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("asked", "cost", "after"), [(10, 0.1, 10), (10, 2, 40), (10, 9, 60), (0, 9, 0), (99, 9, 99)]
)
def test_what_takes_long_is_written_less_often(
    prepared: Any, tmp_path: Path, monkeypatch: Any, asked: float, cost: float, after: float
) -> None:
    from types import SimpleNamespace

    from automedimg.training import checkpoint, keeper

    clock, written = [0.0], []

    def write(*rest: Any) -> None:
        written.append(clock[0])
        clock[0] += cost

    monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(checkpoint, "write", write)
    model, kept = prepared(make_spec(tmp_path, checkpoint_s=float(asked)))
    clock[0] = asked
    keep(model, kept)
    clock[0] = asked + cost + max(after - 0.5, 0.0)
    keep(model, kept)
    clock[0] += 1
    keep(model, kept)
    assert written[0] == asked
    assert len(written) == (3 if after == 0 else 2)
