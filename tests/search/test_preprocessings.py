"""A search chooses among preprocessings, and what is predicted later was formed as in training."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import automedimg
from automedimg.contracts import Dataset, DatasetSpec, Record, Source, hookimpl
from automedimg.registry import load_catalog
from automedimg.training.inference import Classifier
from tests.search.small_search import QUICK

SIZE = 32


class Scans(Dataset):
    """Scans with a border of their own width: most are deep, some large JPEGs, in a subfolder."""

    def locate(self, folder: Path) -> Path | None:
        return folder if (folder / "deep").is_dir() else None

    def records(self, root: Path) -> list[Record]:
        paths = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*.*"))
        return [Record(path, path.split("/")[1].split("-")[0]) for path in paths]

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        for kind in ("deep", "flat"):
            (folder / kind).mkdir(parents=True)
        for number in range(36):
            label = ("dark", "bright")[number % 2]
            scan = rng.normal(0.35 + 0.15 * (number % 2), 0.12, (48, 72)).clip(0.1, 1)
            top, left = rng.integers(2, 30, 2)
            scan = np.pad(scan, ((top, 5), (left, 9)))
            if number < 26:
                deep = (scan * 65535).astype(np.uint16)
                Image.fromarray(deep).save(folder / "deep" / f"{label}-{number}.png")
            else:
                large = np.kron((scan * 255).astype(np.uint8), np.ones((16, 16), np.uint8))
                Image.fromarray(large).save(folder / "flat" / f"{label}-{number}.jpg")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> automedimg.Run:
    folder = tmp_path_factory.mktemp("preprocessings")
    Scans().write_sample(folder / "data")
    spec = DatasetSpec("scans", "Scans", Scans, ("dark", "bright"), Source("Me"), channels=1)
    catalog = load_catalog()
    catalog.add(SimpleNamespace(automedimg_datasets=hookimpl(lambda: [spec])), "scans")
    return automedimg.search(
        **{**QUICK, "task": None, "image_size": SIZE},
        data=folder / "data",
        out=folder / "run",
        cache_dir=folder / "cache",
        trials=4,
        preprocessing=("crop+pad", "crop+standard"),
        catalog=catalog,
    )


def rows_of(run: automedimg.Run, side: str) -> list[str]:
    """The files of one side, in the order of `best/*.npz`."""
    with (run.folder / "splits.csv").open(encoding="utf-8") as file:
        return [row["path"] for row in csv.DictReader(file) if row["split"] == side]


def test_a_folder_is_enough_for_a_search(run: automedimg.Run) -> None:
    assert run.config["task"] == "scans"
    assert run.config["recognised"] == f"took `{run.config['data']}` for `scans`: Scans"
    assert run.result is not None
    assert run.result["audit"]["recognised"] == run.config["recognised"]
    assert "headline" in json.loads((run.folder / "audit.json").read_text(encoding="utf-8"))


def test_the_chosen_preprocessing_is_recorded(run: automedimg.Run) -> None:
    assert run.best is not None
    about = json.loads((run.folder / "best" / "model.json").read_text(encoding="utf-8"))
    assert about["preprocessing"] == run.best.params["preprocessing"]
    assert {trial.params["preprocessing"] for trial in run.trials} == {"crop+pad", "crop+standard"}
    assert run.config["preprocessings"] == ["crop+pad", "crop+standard"]


@pytest.mark.parametrize("side", ["validation", "test"])
def test_files_are_formed_for_a_prediction_as_they_were_in_training(
    run: automedimg.Run, side: str
) -> None:
    root, names = Path(run.config["data"]), rows_of(run, side)
    assert {name.split("/")[0] for name in names} == {"deep", "flat"}
    said = run.predict([root / name for name in names])
    predicted = np.array([list((p.probabilities or {}).values()) for p in said])
    with np.load(run.folder / "best" / f"{side}.npz") as table:
        np.testing.assert_allclose(predicted, table["y_prob"], atol=1e-4)


def test_an_image_is_read_just_as_the_cache_holds_it(run: automedimg.Run) -> None:
    """To the last bit, whichever preprocessing was chosen; the other one differs."""
    classifier = Classifier(run.folder / "best")
    how = classifier.about["preprocessing"]
    root = Path(run.config["data"])
    paths = [record.path for record in Scans().records(root)]
    for images in (np.load(path) for path in (run.folder.parent / "cache").glob("pixels/*/*.npy")):
        assert images.dtype == np.uint16
        read = np.stack([classifier.read(root / path)[0] for path in paths])
        cached = images.astype(np.float32) / np.float32(257)
        gaps = np.abs(read - cached).max(axis=(1, 2, 3))
        if np.median(gaps) == 0:
            # A flat image is rounded to a byte in both.
            np.testing.assert_array_equal(read, cached)
            break
    else:
        pytest.fail(f"no cached pixels are those of {how}")


def test_deep_images_reach_the_network_with_all_their_levels(run: automedimg.Run) -> None:
    classifier = Classifier(run.folder / "best")
    image, _ = classifier.read(next(Path(run.config["data"]).glob("deep/*.png")))
    assert image is not None
    assert image.dtype == np.float32
    assert image.shape == (SIZE, SIZE, 1)
    assert len(np.unique(image)) > 256
    assert image.min() >= 0
    assert image.max() <= 255
