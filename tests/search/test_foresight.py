"""Features of the first trials are computed ahead, and nothing but time depends on it."""

from __future__ import annotations

import json
import queue
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import automedimg
from automedimg.contracts import RunContext, TrialSpec
from automedimg.registry import load_catalog
from automedimg.search import foresight, local
from automedimg.search.foresight import Foresight
from automedimg.search.naming import get_strategy
from automedimg.search.request import SearchRequest
from automedimg.search.worker import Ahead
from automedimg.training.backend import load_keras
from automedimg.training.preparing import Preparing, prepare_features, same_features
from tests.search.small_search import phantoms

HEARD: list[tuple[RunContext, TrialSpec]] = []
SUBMITTED: list[Any] = []


class Listening(local.LocalExecutor):
    """Takes note of what it is asked for."""

    def prepare(self, context: RunContext, spec: TrialSpec) -> None:
        HEARD.append((context, spec))
        super().prepare(context, spec)

    def submit(self, job: Any) -> int:
        SUBMITTED.append(job)
        return super().submit(job)


class Deaf(local.LocalExecutor):
    """Takes no hints, like an executor that knows of none."""

    def prepare(self, context: RunContext, spec: TrialSpec) -> None:
        del context, spec


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A search of heads on small networks, whose weights are random."""
    folder = tmp_path_factory.mktemp("ahead")
    load_keras()
    import keras

    weights = folder / "weights"
    weights.mkdir()
    kinds = keras.applications
    kinds.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None).save_weights(
        weights / "mobilenetv2_0.35_224.weights.h5"
    )
    kinds.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None).save_weights(
        weights / "mobilenet_0.25_224.weights.h5"
    )
    return {
        "task": "br35h",
        "data": phantoms(folder / "data"),
        "weights_dir": weights,
        "backbones": ["mobilenet", "mobilenetv2"],
        "fix": {"train": "frozen", "views": 1},
        "image_size": 32,
        "epochs": 3,
        "trials": 2,
        "download": False,
    }


def run(settings: dict[str, Any], folder: Path, kind: Any, **more: Any) -> automedimg.Run:
    """Search with an executor, on empty caches."""
    HEARD.clear()
    SUBMITTED.clear()
    wanted = {**settings, **more}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "LocalExecutor", kind)
        patch.setattr(foresight, "num_cores", lambda: 8)
        return automedimg.search(**wanted, cache_dir=folder / "cache", out=folder / "run")


@pytest.fixture(scope="module")
def hinted(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> automedimg.Run:
    """A search whose worker was given hints."""
    return run(settings, tmp_path_factory.mktemp("hinted"), Listening)


def test_the_first_trials_are_foreseen(hinted: automedimg.Run) -> None:
    context, foreseen = HEARD[0]
    assert same_features(foreseen.to_json(), SUBMITTED[0].to_json())
    assert Path(context.pixels["stretch"]).is_file()
    assert [spec.backbone for _, spec in HEARD] == ["mobilenet", "mobilenetv2"]


def test_what_was_computed_ahead_is_found_and_counted(hinted: automedimg.Run) -> None:
    audit = hinted.result["audit"]
    looked_at = audit["images"] + len(audit["unreadable"])
    assert hinted.trials[0].extraction_s == 0
    assert hinted.trials[0].extracted >= looked_at
    assert hinted.result["work"]["features_computed"] in (looked_at, 2 * looked_at)


def test_the_audit_is_whole_in_the_end(
    hinted: automedimg.Run, settings: dict[str, Any], tmp_path: Path
) -> None:
    """Shortcuts are measured while trials run already."""
    written = json.loads((hinted.folder / "audit.json").read_text(encoding="utf-8"))
    alone = automedimg.audit("br35h", settings["data"], cache_dir=tmp_path)
    assert written == hinted.result["audit"]
    assert written["shortcut"] == alone["shortcut"]
    assert written["headline"] == alone["headline"]


def test_nothing_but_time_depends_on_it(
    hinted: automedimg.Run, settings: dict[str, Any], tmp_path: Path
) -> None:
    without = run(settings, tmp_path, Deaf)
    assert HEARD == []
    assert without.trials[0].extraction_s > 0
    for name in ("best", "test", "work"):
        assert hinted.result[name] == without.result[name], name
    assert [t.validation for t in hinted.trials] == [t.validation for t in without.trials]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["mobilenet", "mobilenetv2"]),
        ({"backbones": ("mobilenetv2", "mobilenet")}, ["mobilenetv2", "mobilenet"]),
        ({"time_s": 60.0}, ["mobilenetv2", "mobilenet"]),  # the cheapest goes first
        ({"fix": {"train": "finetune"}}, []),  # what is trained needs the worker at once
        ({"backbones": ("no such thing",)}, []),  # it is said when the search begins
    ],
)
@pytest.mark.parametrize("cores", [2, 8])
def test_what_is_foreseen(
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    asked: dict[str, Any],
    expected: list[str],
) -> None:
    """Two cores have enough to do with the copies: there it is the first trial's only."""
    monkeypatch.setattr(foresight, "num_cores", lambda: cores)
    asked = {"backbones": ("mobilenet", "mobilenetv2"), "fix": {"train": "frozen"}, **asked}
    request = SearchRequest(out=tmp_path, weights_dir=settings["weights_dir"], **asked)
    catalog = load_catalog()
    spec = catalog.datasets.get("br35h")
    strategy = get_strategy(catalog, request.strategy)
    executor: Any = None
    ahead = Foresight(request, spec, tmp_path, catalog, strategy, executor)
    foreseen = [one.backbone for one in ahead.first_trials(3000)]
    assert foreseen == (expected if cores == 8 else expected[:1])


def test_other_work_goes_first(settings: dict[str, Any], tmp_path: Path) -> None:
    """What nobody waits for stops after a batch, and its beginning does no harm."""
    spec, context = _job(settings, tmp_path)
    catalog, signs = load_catalog(), []
    from automedimg.training.assembly import Shelf

    given_up = Preparing(lambda: signs.append(1), lambda: len(signs) < 3)
    assert prepare_features(context, spec, catalog, Shelf(), given_up) < 160
    done = Preparing(lambda: None, lambda: True)
    assert prepare_features(context, spec, catalog, Shelf(), done) == 160
    assert prepare_features(context, spec, catalog, Shelf(), done) == 0
    never = Preparing(lambda: None, lambda: False)
    assert prepare_features(context, spec, catalog, Shelf(), never) == 0


def test_a_failure_ahead_is_no_failure(
    settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, context = _job(settings, tmp_path)
    line: Any = SimpleNamespace(jobs=queue.Queue(), pulse=SimpleNamespace(moved=lambda: None))
    ahead, shelf, catalog = Ahead(line), None, load_catalog()
    broken = {**spec.to_json(), "backbone": "no such thing"}
    ahead.prepare({"context": context.to_json(), "spec": broken}, catalog, shelf)  # type: ignore[arg-type]
    assert "features ahead" in capsys.readouterr().err
    assert ahead.counted({"extracted": 5}) == {"extracted": 5}


def test_work_done_ahead_is_counted_once(settings: dict[str, Any], tmp_path: Path) -> None:
    from automedimg.training.assembly import Shelf

    spec, context = _job(settings, tmp_path)
    line: Any = SimpleNamespace(jobs=queue.Queue(), pulse=SimpleNamespace(moved=lambda: None))
    ahead = Ahead(line)
    command = {"context": context.to_json(), "spec": spec.to_json()}
    line.jobs.put({"do": "train", "job": 0, "spec": {**spec.to_json(), "backbone": "mobilenetv2"}})
    ahead.prepare(command, load_catalog(), Shelf())
    assert ahead.counted({"extracted": 0}) == {"extracted": 0}
    line.jobs.get()
    line.jobs.put({"do": "train", "job": 0, "spec": spec.to_json()})
    ahead.prepare(command, load_catalog(), Shelf())
    assert ahead.counted({"extracted": 0}) == {"extracted": 160}
    assert ahead.counted({"extracted": 1}) == {"extracted": 1}


def _job(settings: dict[str, Any], folder: Path) -> tuple[TrialSpec, RunContext]:
    """A trial on 160 images of noise, of which neither labels nor split are known."""
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (160, 32, 32, 3), np.uint8)
    pixels = folder / "pixels" / "one"
    pixels.mkdir(parents=True)
    np.save(pixels / "images.npy", images)
    weights = settings["weights_dir"] / "mobilenet_0.25_224.weights.h5"
    spec = TrialSpec(
        number=0,
        seed=1,
        backbone="mobilenet",
        head="dense",
        train="frozen",
        backbone_values={"alpha": 0.25},
        head_values={},
        fit={"preprocessing": "stretch"},
        weights=str(weights),
        epochs=1,
        patience=1,
        folder=str(folder / "trial"),
    )
    context = RunContext(
        pixels={"stretch": str(pixels / "images.npy")},
        rows="",
        features=str(folder / "features"),
        data_fingerprint="",
        classes=("no", "yes"),
        metric="auc",
        seed=0,
        log="",
    )
    return spec, context
