"""A batch in several steps: the same update as in one; and a sign of life after each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resuming import CNN, FIT, NUM, Line, make_spec, write_data

from automedimg.registry import load_catalog
from automedimg.training.accumulation import deal, num_steps
from automedimg.training.backend import load_keras


@settings(max_examples=200, deadline=None, derandomize=True)
@given(size=st.integers(1, 70), steps=st.integers(1, 9), seed=st.integers(0, 99))
def test_the_mean_of_the_steps_is_the_mean_of_the_batch(size: int, steps: int, seed: int) -> None:
    gradients = np.random.default_rng(seed).normal(size=size)
    means = []
    for step in range(steps):
        places, factors = deal(size, steps, step)
        means.append((gradients[places] * factors).mean())
        assert len(places) <= -(-max(size, steps) // steps)
        if size % steps == 0:
            assert (factors == 1).all()
    assert np.mean(means) == pytest.approx(gradients.mean(), rel=1e-5, abs=1e-6)


def test_a_step_has_an_image_at_least() -> None:
    assert [num_steps(k, 16) for k in (0, 1, 2, 16, 99)] == [1, 1, 2, 16, 16]


def weights_after(context: Any, folder: Path, accumulate: int, **fit: Any) -> list[Any]:
    """Train two epochs without batch normalisation, dropout and augmentation."""
    from automedimg.training.trial import Trial, forget
    from automedimg.training.trial_data import TrialData

    spec = make_spec(
        folder,
        backbone_values={**CNN, "dropout": 0.0, "normalisation": "none"},
        head_values={"layers": 0, "dropout": 0.0},
        fit={**FIT, "augmentation": 0.0, **fit},
        accumulate=accumulate,
        epochs=2,
        checkpoint_s=1e9,
    )
    Trial(spec, TrialData(context, "stretch"), load_catalog()).run(Line())
    model = load_keras().models.load_model(folder / "model.keras", compile=False)
    forget()
    return [np.asarray(weight) for weight in model.get_weights()]


@pytest.mark.parametrize(
    ("accumulate", "fit"),
    [
        # Divides the epoch, and is divided, evenly.
        pytest.param(2, {"batch_size": 22}, marks=pytest.mark.slow),
        (3, {"batch_size": 16, "optimizer": "sgd"}),  # neither
        (4, {"batch_size": 42, "class_weight": "none"}),  # leaves two images for four steps
    ],
)
def test_a_trial_comes_to_the_same_weights(
    tmp_path: Path, accumulate: int, fit: dict[str, Any]
) -> None:
    load_keras()
    context = write_data(tmp_path / "data")
    one = weights_after(context, tmp_path / "one", 1, **fit)
    several = weights_after(context, tmp_path / "several", accumulate, **fit)
    for first, second in zip(one, several, strict=True):
        np.testing.assert_allclose(first, second, rtol=2e-3, atol=2e-5)


def test_steps_and_predictions_are_smaller(tmp_path: Path, monkeypatch: Any) -> None:
    keras = load_keras()
    from automedimg.training.trial import Trial
    from automedimg.training.trial_data import TrialData

    sizes: dict[str, set[int]] = {"step": set(), "predicted": set()}
    predict = keras.Model.predict_on_batch

    def note(model: Any, inputs: Any) -> Any:
        sizes["predicted"].add(len(inputs))
        return predict(model, inputs)

    monkeypatch.setattr(keras.Model, "predict_on_batch", note)
    from automedimg.training.batches import Batches

    item = Batches.__getitem__
    monkeypatch.setattr(
        Batches,
        "__getitem__",
        lambda self, index: sizes["step"].add(len(item(self, index)[0])) or item(self, index),
    )
    spec = make_spec(tmp_path / "trial", accumulate=8, epochs=1)
    Trial(spec, TrialData(write_data(tmp_path / "data"), "stretch"), load_catalog()).run(Line())
    assert max(sizes["step"]) == 2
    assert sizes["predicted"] == {8}


@pytest.mark.parametrize("train", ["frozen", "finetune"])
def test_signs_of_life_come_with_each_batch(tmp_path: Path, train: str) -> None:
    load_keras()
    from automedimg.training.trial import Trial, forget
    from automedimg.training.trial_data import TrialData

    line = Line()
    spec = make_spec(tmp_path / "trial", train=train, epochs=1, checkpoint_s=1e9)
    Trial(spec, TrialData(write_data(tmp_path / "data"), "stretch"), load_catalog()).run(line)
    forget()
    features = -(-sum(NUM.values()) // 64)
    fits = [-(-NUM["train"] // 16) + 1] + ([5 * (2 + 1)] if train == "finetune" else [])
    assert line.signs >= features + sum(fits) + 2
