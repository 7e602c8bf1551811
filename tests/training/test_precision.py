"""Half precision where it is asked for; what is saved is float32, and is what was scored."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from resuming import CNN, HEAD, CutOffError, Line, make_spec, run, write_data

from automedimg.contracts import RunContext
from automedimg.errors import ConfigurationError
from automedimg.training import precision
from automedimg.training.backend import load_keras
from automedimg.training.precision import (
    VARIABLE,
    building_in,
    compute_capability,
    has_gpu,
    jit_compile,
    training_policy,
)

PARTS = {"backbone_values": CNN, "head_values": HEAD}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    load_keras()
    return write_data(tmp_path_factory.mktemp("data") / "set")


def tensorflow(*capabilities: Any) -> Any:
    details = [{} if one is None else {"compute_capability": one} for one in capabilities]
    experimental = SimpleNamespace(get_device_details=lambda index: details[index])
    listed = list(range(len(details)))
    config = SimpleNamespace(list_physical_devices=lambda _: listed, experimental=experimental)
    return SimpleNamespace(config=config)


def jax(*capabilities: Any) -> Any:
    gpus = [SimpleNamespace(platform="gpu", compute_capability=one) for one in capabilities]
    return SimpleNamespace(devices=lambda: gpus or [SimpleNamespace(platform="cpu")])


def torch(*capabilities: Any, hip: str | None = None) -> Any:
    cuda = SimpleNamespace(
        is_available=lambda: bool(capabilities),
        device_count=lambda: len(capabilities),
        get_device_capability=lambda index: capabilities[index],
    )
    return SimpleNamespace(cuda=cuda, version=SimpleNamespace(hip=hip))


@pytest.mark.parametrize(
    ("backend", "module", "found", "policy"),
    [
        ("tensorflow", tensorflow(), None, "float32"),
        ("tensorflow", tensorflow((9, 0)), (9, 0), "mixed_bfloat16"),
        ("tensorflow", tensorflow((8, 0), (7, 5)), (7, 5), "mixed_float16"),
        ("tensorflow", tensorflow((6, 1)), (6, 1), "float32"),
        ("tensorflow", tensorflow(None), None, "float32"),
        ("tensorflow", tensorflow((9, 0), None), None, "float32"),
        ("jax", jax(), None, "float32"),
        ("jax", jax("9.0"), (9, 0), "mixed_bfloat16"),
        ("jax", jax("7.0"), (7, 0), "mixed_float16"),
        ("jax", jax("gfx90a"), None, "float32"),
        ("torch", torch(), None, "float32"),
        ("torch", torch((12, 0)), (12, 0), "mixed_bfloat16"),
        ("torch", torch((9, 0), hip="6.2"), None, "float32"),
    ],
)
def test_the_gpu_decides(
    monkeypatch: pytest.MonkeyPatch, backend: str, module: Any, found: Any, policy: str
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, backend, module)
    monkeypatch.setattr(precision, "_backend", lambda: backend)
    assert compute_capability(backend) == found
    assert training_policy("scratch") == training_policy("finetune") == policy
    assert training_policy("frozen") == "float32"
    expected = "auto" if has_gpu(backend) and backend != "torch" else False
    assert jit_compile(backend) == expected


@pytest.mark.parametrize(
    ("asked", "policy"),
    [("float32", "float32"), ("MIXED_FLOAT16", "mixed_float16"), ("auto", "mixed_bfloat16")],
)
def test_the_variable_goes_before_the_gpu(
    monkeypatch: pytest.MonkeyPatch, asked: str, policy: str
) -> None:
    monkeypatch.setattr(precision, "compute_capability", lambda backend: (9, 0))
    monkeypatch.setenv(VARIABLE, asked)
    assert training_policy("scratch") == policy
    assert training_policy("frozen") == "float32"


def test_an_unknown_precision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "float8")
    with pytest.raises(ConfigurationError, match="unknown precision `float8`"):
        training_policy("frozen")


def test_the_policy_is_put_back_whatever_happens() -> None:
    keras = load_keras()
    with pytest.raises(RuntimeError), building_in("mixed_bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
        raise RuntimeError
    assert keras.layers.Dense(1).compute_dtype == "float32"


def saved(folder: Path) -> Any:
    return load_keras().models.load_model(folder / "model.keras", safe_mode=True, compile=False)


def policies(model: Any) -> set[str]:
    found = set()
    for layer in model.layers:
        inside = getattr(layer, "layers", None)
        found |= policies(layer) if inside else {layer.dtype_policy.name}
    return found


@pytest.mark.parametrize(
    ("policy", "train"),
    [
        pytest.param("mixed_bfloat16", "scratch", marks=pytest.mark.slow),
        ("mixed_float16", "scratch"),
        ("mixed_bfloat16", "finetune"),
        pytest.param("mixed_float16", "finetune", marks=pytest.mark.slow),
    ],
)
def test_the_saved_model_is_float32_and_gives_what_was_scored(
    context: RunContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    train: str,
) -> None:
    monkeypatch.setenv(VARIABLE, policy)
    # Dropout draws other numbers in half precision: without it, only rounding is left.
    still = {name: {**values, "dropout": 0.0} for name, values in PARTS.items()}
    found = run(context, make_spec(tmp_path, train, epochs=3, **still))
    monkeypatch.setenv(VARIABLE, "float32")
    model = saved(tmp_path)
    assert policies(model) == {"float32"}
    assert found["gradcam_layer"] in {layer.name for layer in model.layers[1].layers}
    with np.load(context.rows) as table:
        rows = table["row"][table["split"] == 1]
    images = np.load(context.pixels["stretch"])[rows].astype(np.float32)
    with np.load(tmp_path / "predictions.npz") as table:
        np.testing.assert_allclose(np.asarray(model(images)), table["y_prob"], atol=1e-5)
    whole = run(context, make_spec(tmp_path / "float32", train, epochs=3, **still))
    losses = [[float(row["loss"]) for row in one["history"]] for one in (found, whole)]
    assert losses[0] != losses[1]  # it was computed with fewer digits
    assert losses[0][0] == pytest.approx(losses[1][0], rel=0.05)


@pytest.mark.parametrize(
    "policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"]
)
def test_a_trial_in_half_precision_goes_on_to_the_same_numbers(
    context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    monkeypatch.setenv(VARIABLE, policy)
    whole = run(context, make_spec(tmp_path / "whole", epochs=4))
    with pytest.raises(CutOffError):
        run(context, make_spec(tmp_path / "cut", epochs=4), Line(cut_at=2, cut_after=2))
    line = Line()
    assert run(context, make_spec(tmp_path / "cut", epochs=4), line) == whole
    assert line.epochs == [3, 4]


def test_a_checkpoint_of_another_precision_is_none_of_this_trial(
    context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "mixed_bfloat16")
    with pytest.raises(CutOffError):
        run(context, make_spec(tmp_path, epochs=2), Line(cut_at=1, cut_after=2))
    monkeypatch.setenv(VARIABLE, "float32")
    line = Line()
    run(context, make_spec(tmp_path, epochs=2), line)
    assert line.epochs == [1, 2]


def test_what_can_not_be_built_in_half_precision_is_trained_in_float32(
    context: RunContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from automedimg_backbones.custom_cnn import CustomCnn

    keras = load_keras()
    build = CustomCnn.build

    def only_float32(self: Any, *arguments: Any) -> Any:
        if keras.config.dtype_policy().name != "float32":
            raise TypeError("no kernel for half precision")
        return build(self, *arguments)

    monkeypatch.setenv(VARIABLE, "float32")
    expected = run(context, make_spec(tmp_path / "float32", epochs=2))
    monkeypatch.setattr(CustomCnn, "build", only_float32)
    monkeypatch.setenv(VARIABLE, "mixed_float16")
    assert run(context, make_spec(tmp_path / "asked", epochs=2)) == expected
    assert "trained in float32: mixed_float16 gives" in capfd.readouterr().err
