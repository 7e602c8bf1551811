"""Which engine computes features: the faster one, of those that give the same numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from automedimg.training.backend import load_keras

BATCH, SIDE, MANY = 4, 6, 100_000
KERAS_S = 0.4


class Clock:
    """Seconds that pass only when something is said to take them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Model:
    """Stands for a Keras model: the channels' means, on a device, in so many seconds a batch."""

    def __init__(self, clock: Clock, device: str = "/device:CPU:0", factor: float = 1.0) -> None:
        self.clock, self.factor, self.seconds = clock, factor, KERAS_S
        self.calls, self.batches = 0, set[Any]()
        self.weights = [SimpleNamespace(value=SimpleNamespace(device=device))]

    def count_params(self) -> int:
        return 1_000_000

    def predict_on_batch(self, images: Any) -> Any:
        self.calls += 1
        self.batches.add(images.shape)
        self.clock.now += self.seconds
        return images.mean(axis=(1, 2)) * self.factor


class Other:
    """Stands for the other engine: the same features, changed, in so many seconds a batch."""

    engine = "other 1.0"

    def __init__(
        self, model: Model, seconds: float = 0.2, change: Callable[[Any], Any] = lambda found: found
    ) -> None:
        self._model, self._seconds, self._change, self.calls = model, seconds, change, 0

    def __call__(self, images: Any) -> Any:
        self.calls += 1
        self._model.clock.now += self._seconds
        return self._change(images.mean(axis=(1, 2)) * self._model.factor)


def raising(images: Any) -> Any:
    raise RuntimeError("it\nfell over")


@pytest.fixture(autouse=True)
def no_need_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    load_keras()
    from automedimg.training import extraction

    monkeypatch.setattr(extraction, "PACKAGES", ())
    monkeypatch.delenv("AUTOMEDIMG_EXTRACTION", raising=False)


def sample(num: int = BATCH) -> Any:
    shape = (num, SIDE, SIDE, 3)
    return np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)


def choose(model: Model, convert: Any, num: int = MANY, **options: Any) -> tuple[Any, list[str]]:
    from automedimg.training.extraction import make_extractor

    said: list[str] = []
    options = {"sample": sample(), "batch_size": BATCH, **options}
    images = options.pop("sample")
    made = make_extractor(
        model, images, num, say=said.append, convert=convert, clock=model.clock, **options
    )
    return made, said


def test_the_faster_engine_is_chosen() -> None:
    model = Model(Clock())
    made, said = choose(model, Other)
    assert made.engine == "other 1.0"
    assert said == ["features by other 1.0 (20 images/s, Keras 10)"]
    calls = model.calls
    np.testing.assert_allclose(made(sample()), sample().mean(axis=(1, 2)))
    assert model.calls == calls


def test_one_that_is_not_faster_is_not() -> None:
    for seconds in (KERAS_S * 0.9, KERAS_S, 9.0):
        made, said = choose(Model(Clock()), lambda model, s=seconds: Other(model, s))
        assert made.engine.startswith("keras")
        assert len(said) == 1
        assert "not faster" in said[0]


def test_few_images_need_no_trial() -> None:
    model = Model(Clock())
    made, said = choose(model, raising, num=9 * BATCH)
    assert made.engine.startswith("keras")
    assert (model.calls, said) == (0, [])


def test_little_to_gain_needs_no_conversion() -> None:
    model = Model(Clock())
    model.seconds = KERAS_S / 10
    made, said = choose(model, raising, num=20 * BATCH)
    assert made.engine.startswith("keras")
    assert (model.calls, said) == (2, [])


def test_keras_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMEDIMG_EXTRACTION", "keras")
    model = Model(Clock())
    made, said = choose(model, Other)
    assert made.engine.startswith("keras")
    assert (model.calls, said) == (0, [])


def test_without_the_extra_it_is_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    from automedimg.training import extraction

    monkeypatch.setattr(extraction, "PACKAGES", ("numpy", "no_such_package_is_there"))
    model = Model(Clock())
    made, said = choose(model, Other)
    assert made.engine.startswith("keras")
    assert (model.calls, said) == (0, [])


@pytest.mark.parametrize("device", ["/job:localhost/device:GPU:0", "cuda:0", "mps:0", "TPU_0"])
def test_on_a_gpu_it_is_keras(device: str) -> None:
    made, said = choose(Model(Clock(), device), Other)
    assert made.engine.startswith("keras")
    assert said == []


def test_a_conversion_that_fails_costs_a_line() -> None:
    made, said = choose(Model(Clock()), raising)
    assert made.engine.startswith("keras")
    assert said == ["features by Keras: ONNX Runtime failed: RuntimeError: it fell over"]
    os.fstat(2)  # standard error is back


@pytest.mark.parametrize("crashes_at", [1, 2, 3])
def test_an_engine_that_fails_in_its_trial_costs_a_line(crashes_at: int) -> None:
    def crash(found: Any) -> Any:
        return raising(found) if others[0].calls == crashes_at else found

    others: list[Other] = []
    made, said = choose(
        Model(Clock()), lambda model: others.append(Other(model, change=crash)) or others[0]
    )
    assert made.engine.startswith("keras")
    assert said == ["features by Keras: ONNX Runtime failed: RuntimeError: it fell over"]


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        (lambda found: found + 0.002, 1.0),
        (lambda found: found * 1.01, 1.0),
        (lambda found: found * 1.01, 1e-15),  # far below the absolute limit
        (lambda found: found * np.nan, 1.0),
        (lambda found: found[:, :2], 1.0),
        (lambda found: found[::-1], 1.0),
    ],
)
def test_an_engine_with_other_numbers_is_not_used(
    change: Callable[[Any], Any], factor: float
) -> None:
    model = Model(Clock(), factor=factor)
    made, said = choose(model, lambda model: Other(model, 0.01, change))
    assert made.engine.startswith("keras")
    assert len(said) == 1
    assert "other 1.0 differs by" in said[0] or "other 1.0 gives features" in said[0]


def test_rounding_is_no_difference() -> None:
    for factor in (1e-15, 1.0):
        made, _ = choose(
            Model(Clock(), factor=factor),
            lambda model: Other(model, change=lambda found: found * np.float32(1.000001)),
        )
        assert made.engine == "other 1.0"


def test_a_late_failure_hands_over_to_keras() -> None:
    def crash(found: Any) -> Any:
        return raising(found) if others[0].calls > 4 else found

    others: list[Other] = []
    model = Model(Clock())
    made, said = choose(model, lambda model: others.append(Other(model, change=crash)) or others[0])
    found = [made(sample()) for _ in range(4)]
    assert all(np.array_equal(one, found[0]) for one in found)
    assert made.engine.startswith("other 1.0, then keras")
    assert len(said) == 2  # it is said once
    assert "from here on: other 1.0 failed: RuntimeError: it fell over" in said[1]


def test_a_trial_gives_signs_of_life() -> None:
    signs: list[float] = []
    model = Model(Clock())
    choose(model, Other, alive=lambda: signs.append(model.clock.now))
    assert signs == sorted(signs)
    assert max(np.diff(signs)) <= KERAS_S + 1e-9


def test_a_small_sample_is_repeated() -> None:
    model = Model(Clock())
    made, _ = choose(model, Other, sample=sample(3), batch_size=BATCH)
    assert made.engine == "other 1.0"
    assert model.batches == {(BATCH, SIDE, SIDE, 3)}


def test_threads_are_the_workers_share(monkeypatch: pytest.MonkeyPatch) -> None:
    from automedimg.training.extractors import num_threads

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert num_threads() == 3
    for odd in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", odd)
        assert 1 <= num_threads() <= (os.cpu_count() or 1)


def features_of(network: Any, side: int = 32) -> Any:
    """The mean map of a network, on images with one channel, its statistics being those of noise.

    A new network's statistics make features of 1e-20, which are hard to tell from others.
    """
    import keras

    images = np.random.default_rng(2).uniform(-1, 1, (32, side, side, 3)).astype(np.float32)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(images, training=True)
    image = keras.Input((side, side, 1))
    rgb = keras.layers.Concatenate()([image] * 3)
    maps = network(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(rgb))
    features = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(image, features)


def assert_same(model: Any) -> None:
    """The real engine gives what Keras gives, however many images there are."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from automedimg.training.extraction import find_difference
    from automedimg.training.extractors import KerasExtractor, OnnxExtractor

    shape = model.input_shape[1:]
    images = np.random.default_rng(3).uniform(0, 255, (11, *shape)).astype(np.float32)
    expected, found = KerasExtractor(model)(images), OnnxExtractor(model)(images)
    assert found.dtype == np.float32
    assert np.std(expected) > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert find_difference([expected], [found]) == ""


@pytest.mark.parametrize(
    ("name", "values"),
    [("MobileNet", {"alpha": 0.25}), ("MobileNetV2", {"alpha": 0.35}), ("ResNet50V2", {})],
)
def test_the_real_engine_gives_the_same_features(name: str, values: dict[str, Any]) -> None:
    import keras

    network = getattr(keras.applications, name)(
        input_shape=(32, 32, 3), include_top=False, weights=None, **values
    )
    assert_same(features_of(network))


def test_every_known_layer_gives_the_same_features() -> None:
    import keras

    layers = keras.layers
    image = keras.Input((33, 30, 2))
    x = layers.Rescaling(1 / 100.0)(image)
    x = layers.ZeroPadding2D(((0, 1), (2, 0)))(x)
    x = layers.Conv2D(6, (3, 2), strides=2, padding="same", activation="relu")(x)
    y = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="silu")(x)
    y = layers.Conv2D(6, 3, dilation_rate=2, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization(scale=False, center=False)(y)
    x = layers.Add()([x, y, layers.Activation("tanh")(x)])
    x = layers.Concatenate()(
        [
            layers.MaxPooling2D(3, strides=2, padding="same")(x),
            layers.AveragePooling2D(3, strides=2, padding="same")(x),
            layers.MaxPooling2D(2, padding="valid")(layers.ZeroPadding2D(((0, 1), (0, 0)))(x)),
        ]
    )
    x = layers.Activation("relu6")(layers.ReLU(max_value=3.0)(layers.Dropout(0.5)(x)))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    nested = keras.Sequential([keras.Input((None, None, 18)), layers.Conv2D(7, 1), layers.ReLU()])
    means = [layers.GlobalAveragePooling2D()(nested(part)) for part in (x, gate)]  # used twice
    sharp = layers.Activation("sigmoid")(layers.GlobalAveragePooling2D()(x))
    assert_same(keras.Model(image, layers.Concatenate(axis=1)([*means, sharp])))


def test_what_is_unknown_is_refused() -> None:
    pytest.importorskip("onnx")
    import keras

    from automedimg.training.onnx_graph import UnknownLayerError, convert

    class Odd(keras.layers.Conv2D):  # type: ignore[misc]
        """A convolution that may do anything."""

    layers = keras.layers
    image = keras.Input((8, 8, 3))
    unknown = {
        "layers `Odd`": Odd(2, 3)(image),
        "layers `LayerNormalization`": layers.LayerNormalization()(image),
        "activation": layers.Activation("gelu")(image),
        "training": layers.BatchNormalization()(image, training=True),
        "axis 1": layers.BatchNormalization(axis=1)(image),
        "joins along axis 2": layers.Concatenate(axis=2)([image, image]),
        "float16": layers.Conv2D(2, 3, dtype="mixed_float16")(image),
        "slope": layers.ReLU(negative_slope=0.1)(image),
        "layers `Dense`": layers.Dense(2)(image),
        "differently": layers.Rescaling([1.0, 2.0, 3.0])(image),
        "layers `GetItem`": image[:, 1:],
    }
    for why, output in unknown.items():
        with pytest.raises(UnknownLayerError, match=why):
            convert(keras.Model(image, layers.GlobalAveragePooling2D()(output)))


def test_a_real_trial_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    import keras

    from automedimg.training.extraction import make_extractor

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((16, 16, 3)), *layers])
    images = np.full((4, 16, 16, 3), 7.0, dtype=np.float32)
    said: list[str] = []
    made = make_extractor(model, images, 10**9, batch_size=4, say=said.append)
    assert len(said) == 1
    assert "failed" not in said[0]
    assert "differ" not in said[0]
    assert made(images).shape == (4, 4)
    assert list(tmp_path.iterdir()) == []
