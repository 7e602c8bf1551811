"""Where a task's images are looked for, and what is said when they are nowhere."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from data_images import Folders, task, write_classes

from automedimg.data import places
from automedimg.data.finding import find_data, is_synthetic, make_sample
from automedimg.errors import DataError

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_kagglehub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # type: ignore[arg-type]


def filled(folder: Path) -> Path:
    write_classes(folder, {"no": 1, "yes": 1})
    return folder


def fake_kagglehub(monkeypatch: pytest.MonkeyPatch, download: Any) -> None:
    module = ModuleType("kagglehub")
    module.__spec__ = ModuleSpec("kagglehub", None)
    module.dataset_download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kagglehub", module)


def test_the_named_folder_is_taken(tmp_path: Path, cache: Path) -> None:
    given = filled(tmp_path / "my scans é")
    assert find_data(task(), Folders(), given, cache) == given


def test_the_plugin_may_look_inside_the_named_folder(tmp_path: Path, cache: Path) -> None:
    filled(tmp_path / "archive" / "unpacked")
    root = find_data(task(), Folders(), tmp_path / "archive", cache)
    assert root == tmp_path / "archive" / "unpacked"


def test_a_missing_folder_is_named(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder: `.*nowhere`") as caught:
        find_data(task(), Folders(), tmp_path / "nowhere", cache)
    assert "--data" in (caught.value.hint or "")


def test_a_file_is_no_folder(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "scans.zip").touch()
    with pytest.raises(DataError, match=r"scans\.zip` is a file; expected a folder"):
        find_data(task(), Folders(), tmp_path / "scans.zip", cache)


def test_an_empty_folder_says_what_was_expected(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"does not look like `toys`.* a folder for each class"):
        find_data(task(), Folders(), tmp_path / "empty", cache)


def test_a_named_folder_is_never_replaced_by_another(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(cache / "datasets" / "toys")
    fake_kagglehub(monkeypatch, lambda handle: pytest.fail("nothing was to be downloaded"))
    with pytest.raises(DataError):
        find_data(task(kaggle="me/toys"), Folders(), tmp_path / "nowhere", cache)


def test_the_data_variable_comes_before_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cache = filled(cache / "datasets" / "toys")
    assert find_data(task(), Folders(), None, cache) == in_cache
    in_root = filled(tmp_path / "root" / "toys")
    monkeypatch.setenv("AUTOMEDIMG_DATA", str(tmp_path / "root"))
    assert find_data(task(), Folders(), None, cache) == in_root


def test_an_unfit_folder_on_the_way_is_passed_by(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root" / "toys").mkdir(parents=True)
    monkeypatch.setenv("AUTOMEDIMG_DATA", str(tmp_path / "root"))
    in_cache = filled(cache / "datasets" / "toys")
    assert find_data(task(), Folders(), None, cache) == in_cache


def test_nothing_found_says_where_it_looked_and_every_way_on(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMEDIMG_DATA", str(tmp_path / "root"))
    with pytest.raises(DataError, match="no images of task `toys`") as caught:
        find_data(task(kaggle="me/toys"), Folders(), None, cache)
    assert str(tmp_path / "root" / "toys") in caught.value.message
    assert str(cache / "datasets" / "toys") in caught.value.message
    assert "a folder for each class" in caught.value.message
    for way in ("get it from the shelf", "--data", "automedimg[kaggle]", "--sample"):
        assert way in (caught.value.hint or "")


def test_kaggle_is_not_mentioned_where_it_has_not_got_the_data(cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_data(task(), Folders(), None, cache)
    assert "kaggle" not in (caught.value.hint or "").lower()


def test_kagglehub_downloads_what_is_not_here(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    filled(tmp_path / "hub" / "unpacked")

    def download(handle: str) -> str:
        asked.append(handle)
        return str(tmp_path / "hub")

    fake_kagglehub(monkeypatch, download)
    root = find_data(task(kaggle="me/toys"), Folders(), None, cache)
    assert root == tmp_path / "hub" / "unpacked"
    assert asked == ["me/toys"]


def test_a_task_without_a_handle_is_never_downloaded(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_kagglehub(monkeypatch, lambda handle: pytest.fail("asked for a download"))
    with pytest.raises(DataError, match="no images of task"):
        find_data(task(), Folders(), None, cache)


def test_a_failed_download_says_why_and_how_to_do_it_by_hand(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(handle: str) -> str:
        raise ConnectionError("no route to host")

    fake_kagglehub(monkeypatch, download)
    with pytest.raises(DataError, match=r"could not download `toys`.*no route to host") as caught:
        find_data(task(kaggle="me/toys"), Folders(), None, cache)
    assert caught.value.hint == "get it from the shelf"


def test_a_sample_is_made_once_a_seed_and_says_that_it_is_synthetic(cache: Path) -> None:
    dataset = Folders()
    root = make_sample(task(), dataset, cache)
    assert is_synthetic(root)
    assert make_sample(task(), dataset, cache) == root
    assert dataset.samples == 1
    assert make_sample(task(), dataset, cache, seed=1) != root
    assert dataset.samples == 2
    assert len(list((cache / "samples").iterdir())) == 2


def test_real_images_are_not_called_synthetic(tmp_path: Path) -> None:
    assert not is_synthetic(filled(tmp_path / "real"))


def test_a_sample_that_was_cut_short_is_made_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Folders):
        def write_sample(self, folder: Path, *, seed: int = 0) -> None:
            (folder / "no").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sample(task(), Interrupted(), cache)
    assert list((cache / "samples").iterdir()) == []
    assert is_synthetic(make_sample(task(), Folders(), cache))


def test_a_sample_that_its_own_plugin_can_not_read_is_an_error(cache: Path) -> None:
    class Wrong(Folders):
        def write_sample(self, folder: Path, *, seed: int = 0) -> None:
            (folder / "elsewhere").mkdir()

    with pytest.raises(DataError, match="sample of task `toys` is not in the layout"):
        make_sample(task(), Wrong(), cache)


def test_two_processes_may_make_a_sample_at_once(cache: Path) -> None:
    class Slow(Folders):
        def write_sample(self, folder: Path, *, seed: int = 0) -> None:
            super().write_sample(folder, seed=seed)
            make_sample(task(), Folders(), cache)  # meanwhile, the other process

    assert is_synthetic(make_sample(task(), Slow(), cache))


def test_the_cache_is_where_the_user_says(
    tmp_path: Path, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert places.cache_folder() == clean_environment / "cache" / "automedimg"
    monkeypatch.setenv("AUTOMEDIMG_CACHE", str(tmp_path / "variable"))
    assert places.cache_folder() == tmp_path / "variable"
    assert places.cache_folder(tmp_path / "given") == tmp_path / "given"


def test_weights_are_looked_for_in_order(
    tmp_path: Path, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data" / "scans"
    usual = [data / "weights", tmp_path / "data" / "weights", clean_environment / "keras/models"]
    assert places.weight_folders(None, data) == usual
    monkeypatch.setenv("AUTOMEDIMG_WEIGHTS", "/w")
    assert places.weight_folders("/given", data) == [Path("/given"), Path("/w"), *usual]
