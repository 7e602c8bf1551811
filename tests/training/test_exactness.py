"""What is cached is what would have been computed; what is saved is what was trained."""

from pathlib import Path

import numpy as np
import pytest

from automedimg.contracts import RunContext, TrialSpec
from automedimg.registry import load_catalog
from automedimg.training.backend import load_keras, make_deterministic


@pytest.fixture(scope="module")
def keras():
    return load_keras()


class Quiet:
    """A line on which everything is kept."""

    def epoch(self, row):
        return "continue"

    def scored(self, value, log_loss):
        return "keep"

    def cancelled(self):
        return False

    def alive(self):
        pass


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """Bright and dark noise, as a run would see it."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = rng.integers(0, 120, (60, 32, 32, 3)) + 100 * labels[:, None, None, None]
    (tmp_path / "pixels").mkdir()
    np.save(tmp_path / "pixels" / "images.npy", images.astype(np.uint8))
    np.savez(
        tmp_path / "rows.npz",
        row=np.arange(60),
        label=labels,
        split=np.repeat([0, 1, 2], 20),
        group=np.arange(60),
    )
    return RunContext(
        pixels={"stretch": str(tmp_path / "pixels" / "images.npy")},
        rows=str(tmp_path / "rows.npz"),
        features=str(tmp_path / "features"),
        data_fingerprint="x",
        classes=("dark", "bright"),
        metric="auc",
        seed=0,
        log=str(tmp_path / "log.txt"),
    )


def make_spec(folder: Path, **changes) -> TrialSpec:
    folder.mkdir(exist_ok=True)
    settings = {
        "number": 0,
        "seed": 1,
        "backbone": "mobilenetv2",
        "head": "dense",
        "train": "frozen",
        "backbone_values": {"alpha": 0.35},
        "head_values": {"layers": 0, "dropout": 0.0},
        "fit": {
            "learning_rate": 1e-2,
            "batch_size": 16,
            "optimizer": "adam",
            "weight_decay": 1e-4,
            "class_weight": "none",
            "loss": "crossentropy",
            "sampling": "none",
            "preprocessing": "stretch",
            "augmentation": 0.2,
            "unfreeze": 0.5,
        },
        "weights": None,
        "epochs": 3,
        "patience": 3,
        "folder": str(folder),
    }
    return TrialSpec(**{**settings, **changes})


@pytest.mark.parametrize("train", ["frozen", "finetune", "scratch"])
def test_the_saved_model_gives_the_scores_that_were_recorded(
    keras, context: RunContext, tmp_path: Path, train: str
):
    from automedimg.training.loading import load_classifier
    from automedimg.training.trial import Trial, forget, score_model
    from automedimg.training.trial_data import TrialData

    data = TrialData(context, "stretch")
    spec = make_spec(tmp_path / "trial", train=train)
    result = Trial(spec, data, load_catalog()).run(Quiet())
    forget()
    assert result["state"] == "complete"
    side = data.side("validation")
    score_model(
        load_classifier(tmp_path / "trial" / "model.keras"), side, data, tmp_path / "again.npz"
    )
    with (
        np.load(tmp_path / "trial" / "predictions.npz") as recorded,
        np.load(tmp_path / "again.npz") as again,
    ):
        np.testing.assert_allclose(again["y_prob"], recorded["y_prob"], atol=1e-4)
        np.testing.assert_array_equal(again["row"], side.rows)


def test_cached_features_equal_computed_ones(keras, context: RunContext, tmp_path: Path):
    from automedimg.training.features import cached_features
    from automedimg.training.trial_data import TrialData

    make_deterministic(0)
    data = TrialData(context, "stretch")
    backbone = load_catalog().backbones.make("mobilenetv2")
    built = backbone.build(data.input_shape, {"alpha": 0.35}, None)
    spec = make_spec(tmp_path / "trial")
    first = np.array(cached_features(spec, data, backbone, lambda: built))

    def fail():
        raise AssertionError("the features were there already")

    again = cached_features(spec, data, backbone, fail)
    np.testing.assert_array_equal(first, again)
    direct = built.model.predict_on_batch(data.pixels[:8].astype(np.float32))
    np.testing.assert_allclose(again[:8], np.asarray(direct), atol=1e-4)


def test_damaged_features_are_made_anew(keras, context: RunContext, tmp_path: Path):
    from automedimg.training.features import cached_features
    from automedimg.training.trial_data import TrialData

    data = TrialData(context, "stretch")
    backbone = load_catalog().backbones.make("mobilenetv2")
    built = backbone.build(data.input_shape, {"alpha": 0.35}, None)
    spec = make_spec(tmp_path / "trial")
    whole = np.array(cached_features(spec, data, backbone, lambda: built))
    (path,) = (tmp_path / "features").glob("*.npy")
    path.write_bytes(path.read_bytes()[:200])
    np.testing.assert_allclose(
        cached_features(spec, data, backbone, lambda: built), whole, atol=1e-5
    )


def test_a_trial_is_the_same_with_and_without_cached_features(
    keras, context: RunContext, tmp_path: Path
):
    """The first builds the network to fill the cache, a repeat does not: nobody may notice."""
    from automedimg.training.trial import Trial, forget
    from automedimg.training.trial_data import TrialData

    backbone = load_catalog().backbones.make("mobilenetv2")
    weights = tmp_path / "some.weights.h5"
    backbone.build((32, 32, 3), {"alpha": 0.35}, None).model.layers[2].save_weights(weights)
    values = {"layers": 1, "units": 16, "activation": "relu", "dropout": 0.5}
    results = []
    for number in (0, 1):
        spec = make_spec(
            tmp_path / str(number), weights=str(weights), head_values=values, number=number
        )
        results.append(Trial(spec, TrialData(context, "stretch"), load_catalog()).run(Quiet()))
        forget()
    assert results[0]["validation"] == results[1]["validation"]
    assert results[0]["log_loss"] == results[1]["log_loss"]


def test_frozen_layers_stay_as_they_are(keras, context: RunContext, tmp_path: Path):
    from automedimg.training.network import freeze_all_but
    from automedimg.training.trial_data import TrialData

    data = TrialData(context, "stretch")
    model = (
        load_catalog()
        .backbones.make("mobilenetv2")
        .build(data.input_shape, {"alpha": 0.35}, None)
        .model
    )
    freeze_all_but(model, 0.25)
    kernels = [layer for layer in _flat(keras, model) if layer.weights]
    trainable = [layer.trainable for layer in kernels]
    norms = [
        layer.trainable for layer in kernels if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert not any(norms)
    assert not any(trainable[: int(0.7 * len(trainable))])
    assert any(trainable)


def _flat(keras, model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(keras, layer)
        else:
            yield layer


def test_balanced_weights_give_classes_equal_say():
    from automedimg.training.trial_data import class_weights

    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2, "balanced")
    assert 90 * weights[0] == pytest.approx(10 * weights[1])
    assert class_weights(labels, 2, "none").tolist() == [1, 1]
