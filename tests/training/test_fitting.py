"""Trials whose head is fitted at once, on one backbone or several side by side."""

# ruff: noqa: F811 - the fixture `context` is another file's

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution

from automedimg.contracts import (
    Backbone,
    BackboneSpec,
    BuiltBackbone,
    RunContext,
    TrialSpec,
    hookimpl,
)
from automedimg.registry import Catalog, load_catalog
from automedimg.training.backend import load_keras
from tests.training.test_exactness import Quiet, context, make_spec  # noqa: F401 - a fixture

LOGISTIC = {"head": "logistic", "head_values": {"c": 0.01, "class_weight": "none"}}
FIT = {"fit": {"preprocessing": "stretch", "views": 1}}
HOG_VALUES = {"orientations": 9, "cell_pixels": 8, "components": 5}
HOG: dict[str, Any] = {"backbone": "hog_pca", "backbone_values": HOG_VALUES}


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    return load_keras()


class Tiny(Backbone):
    """A network of one convolution, with weights in a file."""

    modes = ("frozen",)

    def space(self, weights: Any) -> Any:
        return {"filters": CategoricalDistribution((4, 6))}

    def build(self, input_shape: Any, values: Any, weights: Any) -> BuiltBackbone:
        import keras

        image = keras.Input(input_shape)
        x = keras.layers.Rescaling(1 / 255)(image)
        x = keras.layers.Conv2D(values["filters"], 3, strides=2, activation="relu", name="maps")(x)
        network = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
        if weights is not None:
            network.load_weights(weights)
        return BuiltBackbone(network, "maps")


def catalog() -> Catalog:
    """What is installed, and two small networks."""

    @hookimpl
    def offer() -> list[BackboneSpec]:
        return [BackboneSpec("one", "A network", Tiny), BackboneSpec("two", "Another", Tiny)]

    found = load_catalog()
    found.add(SimpleNamespace(automedimg_backbones=offer), "tiny")
    return found


class Line(Quiet):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def epoch(self, row: Any) -> Any:
        self.rows.append(dict(row))
        return "continue"


def run(context: RunContext, spec: TrialSpec, line: Any = None, shelf: Any = None) -> Any:
    from automedimg.training.trial import Trial
    from automedimg.training.trial_data import TrialData

    data = TrialData(context, "stretch")
    return Trial(spec, data, catalog(), shelf).run(line or Quiet())


def saved(spec: TrialSpec, context: RunContext) -> np.ndarray:
    """What the saved classifier says of the validation images."""
    from automedimg.training.loading import load_classifier

    model = load_classifier(Path(spec.folder) / "model.keras")
    images = np.load(context.pixels["stretch"])[20:40].astype(np.float32)
    return np.asarray(model(images))


def recorded(spec: TrialSpec) -> np.ndarray:
    with np.load(Path(spec.folder) / "predictions.npz") as table:
        return table["y_prob"]


def tiny_weights(folder: Path, filters: int) -> str:
    """A weight file of random numbers."""
    import keras

    keras.utils.set_random_seed(filters)
    path = folder / f"{filters}.weights.h5"
    Tiny().build((32, 32, 3), {"filters": filters}, None).model.save_weights(path)
    return str(path)


@pytest.mark.parametrize("views", [1, 2])
def test_a_fit_is_one_epoch_and_what_is_saved_is_what_was_scored(
    context: RunContext,
    tmp_path: Path,
    views: int,
) -> None:
    fit = {"preprocessing": "stretch", "views": views}
    spec = make_spec(tmp_path / "trial", **HOG, **LOGISTIC, fit=fit)
    line = Line()
    result = run(context, spec, line)
    assert (result["state"], result["epochs"], result["best_epoch"]) == ("complete", 1, 1)
    assert result["gradcam_layer"] == ""
    assert [(row["epoch"], row["epochs"]) for row in line.rows] == [(1, 1)]
    with (Path(spec.folder) / "history.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["value"]) == result["value"]
    assert 0 < float(row["loss"]) < 1
    np.testing.assert_allclose(saved(spec, context), recorded(spec), atol=1e-4)
    assert not (Path(spec.folder) / "checkpoint.npz").exists()


def test_a_fit_repeats_whatever_is_on_the_shelf(context: RunContext, tmp_path: Path) -> None:
    from automedimg.training.shelf import Shelf

    shelf = Shelf()
    forest = {"trees": 50, "depth": 4, "leaf": 1, "features": "sqrt", "class_weight": "none"}
    head = {"head": "random_forest", "head_values": forest}
    one, other = (
        make_spec(tmp_path / n, **HOG, **head, **FIT, seed=s) for n, s in (("a", 1), ("b", 2))
    )
    first = run(context, one, shelf=shelf)
    second = run(context, other, shelf=shelf)
    # Nothing of a descriptor depends on the trial's seed.
    assert (first["extracted"], second["extracted"]) == (60, 0)
    assert not np.array_equal(recorded(one), recorded(other))
    again = replace(one, folder=str(tmp_path / "c"))
    Path(again.folder).mkdir()
    run(context, again)
    np.testing.assert_array_equal(recorded(again), recorded(one))


def test_the_features_are_those_of_all_numbers_of_components(
    context: RunContext,
    tmp_path: Path,
) -> None:
    few = make_spec(tmp_path / "few", **HOG, **LOGISTIC, **FIT)
    values = {**HOG_VALUES, "components": 9}
    more = make_spec(tmp_path / "more", **{**HOG, "backbone_values": values}, **LOGISTIC, **FIT)
    assert run(context, few)["extracted"] == 60
    assert run(context, more)["extracted"] == 0
    other = {**HOG_VALUES, "orientations": 6}
    third = make_spec(tmp_path / "third", **{**HOG, "backbone_values": other}, **LOGISTIC, **FIT)
    assert run(context, third)["extracted"] == 60


def test_components_are_learnt_from_training_images_alone(
    context: RunContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from automedimg_backbones.hog_pca import HogPca

    seen: list[np.ndarray] = []
    whole = HogPca.fit

    def fit(self: Any, features: Any, values: Any, seed: int) -> Any:
        seen.append(features.copy())
        return whole(self, features, values, seed)

    monkeypatch.setattr(HogPca, "fit", fit)
    run(context, make_spec(tmp_path / "trial", **HOG, **LOGISTIC, **FIT))
    built = HogPca().build((32, 32, 3), HOG_VALUES, None)
    images = np.load(context.pixels["stretch"]).astype(np.float32)
    (features,) = seen  # once, though it is scored and saved
    np.testing.assert_allclose(features, np.asarray(built.model(images[:20])), atol=1e-5)


def test_groups_and_views_reach_the_head(
    context: RunContext, tmp_path: Path, monkeypatch: Any
) -> None:
    from automedimg_backbones.logistic import Logistic

    seen: list[Any] = []
    whole = Logistic.fit

    def fit(self: Any, features: Any, labels: Any, groups: Any, *rest: Any) -> Any:
        seen.append((features.shape, labels.copy(), groups.copy()))
        return whole(self, features, labels, groups, *rest)

    monkeypatch.setattr(Logistic, "fit", fit)
    fit_values = {"preprocessing": "stretch", "views": 2}
    run(context, make_spec(tmp_path / "trial", **HOG, **LOGISTIC, fit=fit_values))
    ((shape, labels, groups),) = seen
    assert shape == (40, 5)
    np.testing.assert_array_equal(labels, np.tile(np.arange(20) % 2, 2))
    np.testing.assert_array_equal(groups, np.tile(np.arange(20), 2))


def test_of_too_many_features_some_rows_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from automedimg.training import fitting

    monkeypatch.setattr(fitting, "FITTED_BYTES", 4000)
    assert list(fitting.draw_rows(10, 100, seed=0)) == list(range(10))
    drawn = fitting.draw_rows(1000, 100, seed=0)
    assert len(drawn) == 10
    assert list(drawn) == sorted(set(drawn))
    assert len(fitting.draw_rows(1000, 100, seed=0, views=2)) == 5


def pair(tmp_path: Path, second: str = "two", **changes: Any) -> TrialSpec:
    """Two backbones side by side; the spec as a worker gets it."""
    others = {
        "two": {"two.filters": 6},
        "hog_pca": {f"hog_pca.{name}": value for name, value in HOG_VALUES.items()},
    }
    weights = {"one": tiny_weights(tmp_path, 4)}
    if second == "two":
        weights["two"] = tiny_weights(tmp_path, 6)
    backbone = {
        "backbone": f"one+{second}",
        "backbone_values": {"one.filters": 4, **others[second]},
        "part_weights": weights,
    }
    spec = make_spec(tmp_path / "pair", **{**backbone, **LOGISTIC, **FIT, **changes})
    return TrialSpec.from_json(json.loads(json.dumps(spec.to_json())))


def test_side_by_side_is_both_one_after_the_other(context: RunContext, tmp_path: Path) -> None:
    from automedimg.training.assembly import Assembly
    from automedimg.training.shelf import Shelf
    from automedimg.training.trial_data import TrialData

    spec = pair(tmp_path, "hog_pca")
    alone = {
        "one": {"backbone_values": {"filters": 4}, "weights": spec.part_weights["one"]},
        "hog_pca": {"backbone_values": HOG_VALUES},
    }
    data, features, computed = TrialData(context, "stretch"), [], []
    for name, changes in alone.items():
        single = make_spec(tmp_path / name, backbone=name, **changes, **LOGISTIC, **FIT)
        parts = Assembly(single, data, catalog(), Quiet(), Shelf())
        features.append(np.asarray(parts.features()))
        computed.append(parts.extracted)
    assert computed == [60, 60]
    parts = Assembly(spec, data, catalog(), Quiet(), Shelf())
    both = parts.features()
    rows = np.array([3, 1, 59])
    np.testing.assert_array_equal(both[rows], np.concatenate(features, axis=1)[rows])
    assert both.shape == (60, 4 + 5)
    assert parts.extracted == 0  # each has its own entry in the cache
    images = data.pixels[rows].astype(np.float32)
    np.testing.assert_allclose(np.asarray(parts.backbone().model(images)), both[rows], atol=1e-4)
    assert parts.gradcam_layer == ""  # one of them has no map


def test_a_worker_keeps_both_of_a_pair(
    context: RunContext, tmp_path: Path, monkeypatch: Any
) -> None:
    from automedimg.training.shelf import Shelf

    built: list[int] = []
    whole = Tiny.build

    def build(self: Any, shape: Any, values: Any, weights: Any) -> BuiltBackbone:
        built.append(values["filters"])
        return whole(self, shape, values, weights)

    spec, shelf = pair(tmp_path), Shelf()
    monkeypatch.setattr(Tiny, "build", build)
    run(context, spec, shelf=shelf)
    run(context, replace(spec, seed=5), shelf=shelf)
    assert sorted(built) == [4, 6]


@pytest.mark.parametrize("dense", [False, True])
def test_a_pair_is_trained_saved_and_explained_like_any_other(
    context: RunContext, tmp_path: Path, dense: bool
) -> None:
    from automedimg.explain.gradcam import GradCam
    from automedimg.training.loading import load_classifier

    head = {"head": "dense", "head_values": {"layers": 0, "dropout": 0.0}}
    trained = {**head, "fit": make_spec(tmp_path / "x").fit, "epochs": 3}
    spec = pair(tmp_path, **(trained if dense else {}))
    result = run(context, spec)
    assert result["state"] == "complete"
    np.testing.assert_allclose(saved(spec, context), recorded(spec), atol=1e-4)
    assert result["gradcam_layer"] == "one/maps+two/maps"
    model = load_classifier(Path(spec.folder) / "model.keras")
    image = np.load(context.pixels["stretch"])[21].astype(np.float32)
    cam = GradCam(model, result["gradcam_layer"])
    features = [np.asarray(sight.to_features(sight.to_maps(image[None]))) for sight in cam._sights]
    whole = np.asarray(model.layers[1](image[None]))
    np.testing.assert_allclose(np.concatenate(features, axis=-1), whole, atol=1e-4)
    drawn = [cam.explain(image, label) for label in (0, 1)]
    assert all(one.shape == (32, 32) and 0 <= one.min() <= one.max() <= 1 for one in drawn)
    assert max(one.max() for one in drawn) == pytest.approx(1.0, abs=0.2)


def test_features_of_a_backbone_without_a_file_come_from_the_seed(
    context: RunContext, tmp_path: Path
) -> None:
    one = {"backbone": "one", "backbone_values": {"filters": 4}, **LOGISTIC, **FIT}
    first, second = (make_spec(tmp_path / str(seed), **one, seed=seed) for seed in (1, 2))
    assert [run(context, spec)["extracted"] for spec in (first, second)] == [60, 60]
    for spec in (first, second):
        np.testing.assert_allclose(saved(spec, context), recorded(spec), atol=1e-4)


def test_a_model_without_maps_says_so(context: RunContext, tmp_path: Path) -> None:
    from automedimg.errors import RunError
    from automedimg.explain.gradcam import GradCam

    with pytest.raises(RunError, match="can't be explained: it has no map") as raised:
        GradCam(None, "")
    assert raised.value.hint is not None and "--backbones" in raised.value.hint
