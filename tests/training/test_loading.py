"""A saved classifier is loaded with plugins' layers, and imports nothing that a stranger names."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from automedimg.training.loading import LastLoaded, _modules, _trusted, load_classifier


def write_model(path: Path, *modules: str) -> None:
    layers = [{"module": name, "class_name": "Thing", "config": {}} for name in modules]
    config = {"module": "keras", "class_name": "Functional", "config": {"layers": layers}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))


def test_the_file_names_the_modules_that_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    write_model(path, "keras.layers", "automedimg_backbones.hog_layers", "somewhere.else")
    assert _modules(path) == {"automedimg_backbones.hog_layers", "somewhere.else"}
    path.write_bytes(b"no archive")
    assert _modules(path) == set()


def test_installed_plugins_are_trusted_and_nobody_else() -> None:
    assert {"automedimg", "automedimg_backbones", "automedimg_tasks"} <= _trusted()
    assert not {"os", "json", "numpy"} & _trusted()


def test_a_stranger_s_module_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit('this must not run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    write_model(tmp_path / "model.keras", "planted")
    with pytest.raises((TypeError, ValueError, KeyError, OSError)):
        load_classifier(tmp_path / "model.keras")
    assert "planted" not in sys.modules


def test_the_last_file_is_not_loaded_again_unless_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Path] = []
    monkeypatch.setattr(
        "automedimg.training.loading.load_classifier", lambda path: (loads.append(path), object())
    )
    one, other = tmp_path / "one.keras", tmp_path / "other.keras"
    one.write_bytes(b"one")
    other.write_bytes(b"other")
    last = LastLoaded()
    first = last.get(one)
    assert last.get(one) is first
    assert last.get(other) is not first
    one_again = last.get(one)
    assert loads == [one, other, one]
    one.write_bytes(b"longer than it was")
    assert last.get(one) is not one_again
    last.drop()
    last.get(one)
    assert len(loads) == 5


def test_a_file_that_is_gone_is_not_served_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automedimg.training.loading.load_classifier", lambda _: object())
    path = tmp_path / "model.keras"
    path.write_bytes(b"model")
    last = LastLoaded()
    last.get(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        last.get(path)
