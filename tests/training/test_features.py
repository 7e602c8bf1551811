"""The feature cache: what it holds is exact, is computed once, and survives being cut off."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automedimg.registry import load_catalog
from automedimg.training.backend import load_keras, make_deterministic
from automedimg.training.trial_data import TrialData
from tests.training.test_exactness import Quiet, context, make_spec  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def keras():
    return load_keras()


@pytest.fixture
def data(context) -> TrialData:  # noqa: F811
    return TrialData(context, "stretch")


@pytest.fixture
def spec(tmp_path: Path):
    found = make_spec(tmp_path / "trial")
    return replace(found, fit={**found.fit, "views": 1})


@pytest.fixture
def cache(keras, data, spec):
    """Makes feature caches of one small network."""
    from automedimg.training.features import FeatureCache

    make_deterministic(0)
    backbone = load_catalog().backbones.make("mobilenetv2")
    built = backbone.build(data.input_shape, {"alpha": 0.35}, None)
    return lambda **more: FeatureCache(spec, data, backbone, lambda: built, **more)


def test_what_is_there_is_not_computed_again(cache, data):
    first, second = cache(), cache()
    features = np.array(first.plain())
    assert first.computed == len(data.pixels)
    np.testing.assert_array_equal(second.plain(), features)
    assert second.computed == 0


def test_a_view_is_of_the_augmented_images(cache, data, keras):
    from automedimg.training.augment import Augment
    from automedimg.training.features import VIEW_STRENGTH

    rows = data.side("train").rows
    plain, one, two = cache().plain(), cache().view(rows, 1), cache().view(rows, 2)
    assert one.shape == (len(rows), plain.shape[1])
    # A network with random weights gives small features.
    assert not np.allclose(one, plain[rows], rtol=1e-2, atol=0.0)
    assert not np.allclose(one, two, rtol=1e-2, atol=0.0)
    images = data.pixels[rows].astype(np.float32)
    changed = Augment(VIEW_STRENGTH, seed=1_000_003)(images, training=True)
    direct = cache()._build().model.predict_on_batch(np.asarray(changed))
    np.testing.assert_allclose(one, np.asarray(direct), rtol=1e-3, atol=1e-4 * np.abs(one).max())


def test_a_view_is_computed_once_and_of_its_rows_only(cache, data):
    rows = data.side("train").rows
    cache().view(rows, 1)
    again, other = cache(), cache()
    again.view(rows, 1)
    other.view(rows[:-1], 1)
    assert (again.computed, other.computed) == (0, len(rows) - 1)


class Cut(Exception):
    """Stands for a kill."""


def test_what_was_cut_off_goes_on_where_it_was(cache, data, monkeypatch):
    from automedimg.training import feature_files, features

    monkeypatch.setattr(features, "PREDICTED", 8)
    monkeypatch.setattr(feature_files, "PART_S", -1.0)
    left = 4

    def cut() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Cut

    first, second = cache(alive=cut), cache()
    with pytest.raises(Cut):
        first.plain()
    features_ = np.array(second.plain())
    assert first.computed == 32
    assert second.computed == len(data.pixels) - 32
    direct = second._build().model.predict_on_batch(data.pixels[:].astype(np.float32))
    np.testing.assert_allclose(features_, np.asarray(direct), atol=1e-4)
    assert not list(Path(second._folder).glob(".*part*"))


@pytest.mark.parametrize("damage", ["garbage", "shape", "gone"])
def test_damaged_notes_of_a_part_make_it_anew(cache, data, monkeypatch, damage):
    from automedimg.training import feature_files

    monkeypatch.setattr(feature_files, "PART_S", -1.0)

    def cut() -> None:
        raise Cut

    with pytest.raises(Cut):
        cache(alive=cut).plain()
    folder = Path(cache()._folder)
    (partial,) = folder.glob(".*-part.npy")
    if damage == "gone":
        partial.unlink()
    text = '{"rows": 8, "shape": [60, 3]}' if damage == "shape" else '{"rows'
    partial.with_suffix(".progress").write_text(text)
    fresh = cache()
    fresh.plain()
    assert fresh.computed == len(data.pixels)


def test_cached_and_uncached_training_give_the_same_scores(keras, data, spec, context):  # noqa: F811
    """Once the head alone on cached features; once Keras, with the frozen network in front."""
    from automedimg.training.assembly import Assembly, Shelf
    from automedimg.training.batches import Batches, predict_rows, softmax
    from automedimg.training.course import Course
    from automedimg.training.losses import make_loss
    from automedimg.training.optimizers import make_optimizer

    catalog = load_catalog()
    spec = replace(
        spec, epochs=2, head_values={"layers": 1, "units": 8, "activation": "tanh", "dropout": 0.0}
    )
    make_deterministic(spec.seed)
    parts = Assembly(spec, data, catalog, Quiet(), Shelf())
    # Built here already: both need the network that the seed gives.
    network, start = parts.network(), None
    start = network.head.get_weights()
    cached = Course(spec, data, catalog.metrics.get("auc"), parts, Quiet()).run()

    network.head.set_weights(start)
    network.backbone.model.trainable = False
    model = network.for_training(0.0, spec.seed)
    model.compile(optimizer=make_optimizer(spec.fit), loss=make_loss(spec.fit), jit_compile=False)
    train, validation = data.side("train"), data.side("validation")
    batches = Batches(data.pixels, train.rows, train.labels, np.ones(2), 16, spec.seed)
    losses = []
    for epoch in (1, 2):
        batches.begin(epoch)
        rate = 1e-2 * (1.0 if epoch == 1 else 0.5)  # as `Watch` lowers it
        model.optimizer.learning_rate = rate
        history = model.fit(batches, epochs=1, shuffle=False, verbose=0)
        losses.append(history.history["loss"][0])
    np.testing.assert_allclose(losses, [row["loss"] for row in cached.history], rtol=1e-3)
    if cached.best_epoch == 2:
        y_prob = softmax(predict_rows(model, data.pixels, validation.rows))
        np.testing.assert_allclose(y_prob, cached.y_prob, atol=1e-3)


def test_views_take_turns_with_the_plain_image(keras, data, spec, context):  # noqa: F811
    from automedimg.training.batches import Batches

    train = data.side("train")
    plain = np.zeros((60, 3), np.float32)
    views = [np.full((len(train.rows), 3), value, np.float32) for value in (1.0, 2.0)]
    batches = Batches(plain, train.rows, train.labels, np.ones(2), 8, 0, views=views)
    shown = []
    for epoch in range(1, 6):
        batches.begin(epoch)
        shown.append({float(value) for i in range(len(batches)) for value in batches[i][0].flat})
    assert shown == [{0.0}, {1.0}, {2.0}, {0.0}, {1.0}]


def test_a_trial_with_views_computes_them_and_says_so(keras, data, spec, context):  # noqa: F811
    from automedimg.training.trial import Trial

    spec = replace(spec, fit={**spec.fit, "views": 2})
    result = Trial(spec, data, load_catalog()).run(Quiet())
    assert result["state"] == "complete"
    sizes = sorted(len(np.load(path)) for path in Path(data.context.features).glob("*.npy"))
    assert sizes == [len(data.side("train").rows), len(data.pixels)]


def test_two_that_want_the_same_features_compute_them_once(cache, data):
    caches = [cache(), cache()]
    caches[0]._build()  # Keras is not asked to build in two threads
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda one: np.array(one.plain()), caches)
    np.testing.assert_array_equal(first, second)
    assert sorted(one.computed for one in caches) == [0, len(data.pixels)]


def test_a_full_disk_is_an_error_and_leaves_no_entry(cache, monkeypatch):
    from automedimg.training import feature_files

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(feature_files.files, "reserve", full)
    with pytest.raises(OSError, match="No space left"):
        cache().plain()
    monkeypatch.undo()
    fresh = cache()
    fresh.plain()
    assert fresh.computed == 60


@pytest.mark.parametrize("damage", ["cut", "zeroed", "other shape", "unsealed"])
def test_damaged_features_are_computed_again(cache, data, damage):
    whole = np.array(cache().plain())
    (path,) = Path(cache()._folder).glob("*.npy")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "zeroed":
        path.write_bytes(bytes(path.stat().st_size))
    elif damage == "other shape":
        np.save(path, whole[:, :-1])
    else:
        path.with_name(path.name + ".json").unlink()
    fresh = cache()
    np.testing.assert_allclose(fresh.plain(), whole, rtol=1e-4, atol=1e-6)
    assert fresh.computed == len(data.pixels)
