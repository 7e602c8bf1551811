"""Fine-tuning on cached activations: the same scores, the whole network saved, bounded room."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from automedimg.contracts import (
    Backbone,
    BackboneSpec,
    BuiltBackbone,
    RunContext,
    Space,
    Weights,
    hookimpl,
)
from automedimg.data.decoding import Wanted, form_all
from automedimg.data.preprocessing import Preprocessing
from automedimg.errors import ConfigurationError
from automedimg.registry import load_catalog
from automedimg.training.activations import VARIABLE, has_room
from automedimg.training.backend import load_keras, make_deterministic
from tests.training.test_exactness import Quiet, context, make_spec  # noqa: F401 - a fixture


class Tiny(Backbone):
    """A nested network of four convolutions, as quick to trace as one can be."""

    modes = ("frozen", "finetune")

    def space(self, weights: Sequence[Weights]) -> Space:
        return {}

    def build(
        self, input_shape: tuple[int, int, int], values: Mapping[str, Any], weights: Path | None
    ) -> BuiltBackbone:
        import keras

        layers = keras.layers
        inner = x = keras.Input(input_shape)
        for number in range(4):
            x = layers.Conv2D(12, 3, strides=2, padding="same", name=f"conv{number}")(x)
            x = layers.BatchNormalization(name=f"norm{number}")(x)
            x = layers.Dropout(0.0 if number < 3 else 0.2)(layers.ReLU()(x))
        network = keras.Model(inner, x)
        if weights is not None:
            network.load_weights(weights)
        image = keras.Input(input_shape)
        maps = network(layers.Rescaling(1 / 127.5, offset=-1.0)(image))
        maps = layers.Activation("linear", name="gradcam")(maps)
        return BuiltBackbone(keras.Model(image, layers.GlobalAveragePooling2D()(maps)), "gradcam")


class Plugin:
    """Offers it."""

    @hookimpl
    def automedimg_backbones(self) -> Iterable[BackboneSpec]:
        yield BackboneSpec("tiny", "Four convolutions", Tiny)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Random weights."""
    load_keras()
    make_deterministic(0)
    path = tmp_path_factory.mktemp("weights") / "some.weights.h5"
    Tiny().build((32, 32, 3), {}, None).model.layers[2].save_weights(path)
    return str(path)


def finetune(
    context: RunContext,  # noqa: F811
    folder: Path,
    weights: str,
    **fit: Any,
) -> dict[str, Any]:
    """Fine-tune, and return the result with the history."""
    from automedimg.training.trial import Trial, forget
    from automedimg.training.trial_data import TrialData

    named: dict[str, Any] = {"weights": weights, "train": "finetune"}
    if "mobilenetv2" not in weights:
        named |= {"backbone": "tiny", "backbone_values": {}}
    wanted = {**make_spec(folder).fit, "augmentation": 0.0, "unfreeze": 0.4, **fit}
    catalog = load_catalog()
    catalog.add(Plugin(), "tiny")
    spec = make_spec(folder, fit=wanted, **named)
    result = Trial(spec, TrialData(context, "stretch"), catalog).run(Quiet())
    forget()
    with (folder / "history.csv").open(encoding="utf-8") as file:
        history = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    return {**result, "history": history}


def kept(context: RunContext) -> list[Path]:  # noqa: F811
    """Files of activations."""
    arrays = Path(context.features).glob("*.npy")
    return [path for path in arrays if np.load(path, mmap_mode="r").ndim > 2]


def test_cached_fine_tuning_gives_the_scores_of_uncached(
    context: RunContext,  # noqa: F811
    tmp_path: Path,
    weights: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    plain = finetune(context, tmp_path / "plain", weights)
    assert kept(context) == []
    monkeypatch.delenv(VARIABLE)
    cached = finetune(context, tmp_path / "cached", weights)
    assert len(kept(context)) == 1
    for one, other in zip(plain["history"], cached["history"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3, abs=1e-5)
        assert one["value"] == pytest.approx(other["value"], abs=1e-6)
    for name, value in plain["validation"].items():
        assert cached["validation"][name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
    losses = [row["loss"] for row in plain["history"]]
    assert losses[-1] < 0.95 * losses[0]  # something was learnt that could have differed


def test_what_is_saved_is_the_whole_network(
    context: RunContext,  # noqa: F811
    tmp_path: Path,
    weights: str,
) -> None:
    from automedimg.training.loading import load_classifier
    from automedimg.training.trial import score_model
    from automedimg.training.trial_data import TrialData

    finetune(context, tmp_path / "trial", weights)
    data = TrialData(context, "stretch")
    side, out = data.side("validation"), tmp_path / "again.npz"
    score_model(load_classifier(tmp_path / "trial" / "model.keras"), side, data, out)
    with np.load(tmp_path / "trial" / "predictions.npz") as recorded, np.load(out) as again:
        np.testing.assert_allclose(again["y_prob"], recorded["y_prob"], atol=1e-4)


def test_a_second_trial_at_the_same_cut_computes_none(
    context: RunContext,  # noqa: F811
    tmp_path: Path,
    weights: str,
) -> None:
    first = finetune(context, tmp_path / "first", weights)
    again = finetune(context, tmp_path / "again", weights, learning_rate=1e-3)
    assert (first["extracted"], again["extracted"]) == (2 * 60, 0)  # the head's warm-up, and these
    other = finetune(context, tmp_path / "other", weights, unfreeze=0.5)
    assert other["extracted"] == 60
    assert len(kept(context)) == 2


def test_augmented_images_pass_the_whole_network(
    context: RunContext,  # noqa: F811
    tmp_path: Path,
    weights: str,
) -> None:
    finetune(context, tmp_path / "trial", weights, augmentation=0.2)
    assert kept(context) == []


def test_a_full_disk_costs_no_trial(
    context: RunContext,  # noqa: F811
    tmp_path: Path,
    weights: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from automedimg.training import features

    real = features.write_in_parts

    def full(path: Path, mark: str, shape: tuple[int, ...], parts: Any) -> Path:
        if len(shape) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mark, shape, parts)

    monkeypatch.setattr(features, "write_in_parts", full)
    result = finetune(context, tmp_path / "trial", weights)
    assert result["state"] == "complete"
    assert kept(context) == []


def test_room_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=8_000_000_000))
    folder = tmp_path / "features"
    assert has_room(2_000_000_000, folder)
    assert not has_room(2_000_000_001, folder)  # a quarter of what is free
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**12))
    assert has_room(4_000_000_000, folder)
    assert not has_room(4_000_000_001, folder)
    monkeypatch.setenv(VARIABLE, "10GB")
    assert has_room(10_000_000_000, folder)
    monkeypatch.setenv("AUTOMEDIMG_CACHE_LIMIT", "1GB")
    assert not has_room(1_000_000_001, folder)
    monkeypatch.setenv(VARIABLE, "much")
    with pytest.raises(ConfigurationError, match="AUTOMEDIMG_ACTIVATIONS"):
        has_room(1, folder)


@pytest.mark.realdata
def test_on_real_images_with_imagenet_weights_scores_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MobileNetV2 of width 0.35 on 300 slices."""
    given = os.environ.get("AUTOMEDIMG_TEST_DATA", "")
    root = Path(given)
    file = root / "weights" / "mobilenetv2_0.35_224.weights.h5"
    if not given or not file.is_file() or not (root / "br35h").is_dir():
        pytest.skip("needs br35h/ and weights/ in $AUTOMEDIMG_TEST_DATA")
    made = real_context(root / "br35h", tmp_path)
    monkeypatch.setenv(VARIABLE, "0")
    wanted: dict[str, Any] = {"learning_rate": 1e-4, "unfreeze": 0.35}
    plain = finetune(made, tmp_path / "plain", str(file), **wanted)
    monkeypatch.delenv(VARIABLE)
    cached = finetune(made, tmp_path / "cached", str(file), **wanted)
    assert len(kept(made)) == 1
    assert plain["value"] > 0.8
    assert cached["value"] == pytest.approx(plain["value"], abs=1e-3)
    assert cached["log_loss"] == pytest.approx(plain["log_loss"], abs=1e-3)
    for one, other in zip(plain["history"], cached["history"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-2)


def real_context(folder: Path, out: Path) -> RunContext:
    """300 slices of both classes at 96 pixels, two thirds of them for training."""
    paths = [p for name in ("no", "yes") for p in sorted((folder / name).glob("*.jpg"))[::10]]
    formed = form_all([(path, "") for path in paths], Wanted(96, 3, (Preprocessing(),)))
    (out / "pixels").mkdir()
    np.save(out / "pixels" / "images.npy", np.stack([one.squares[0] for one in formed]))  # type: ignore[union-attr]
    rows = np.arange(len(paths))
    labels = np.array([path.parent.name == "yes" for path in paths]).astype(np.int64)
    split = np.where(rows % 3 == 0, 1, 0)
    np.savez(out / "rows.npz", row=rows, label=labels, split=split, group=rows)
    return RunContext(
        pixels={"stretch": str(out / "pixels" / "images.npy")},
        rows=str(out / "rows.npz"),
        features=str(out / "features"),
        data_fingerprint="x",
        classes=("no", "yes"),
        metric="auc",
        seed=0,
        log=str(out / "log.txt"),
    )
