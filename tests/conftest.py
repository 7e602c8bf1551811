"""What several tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from automedimg.registry import Catalog


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell's background job, which the tests may be, is started deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def catalog() -> Catalog:
    """An empty catalog, to put components on."""
    return Catalog()


@pytest.fixture
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide the user's own folders and settings; return the folder that stands for the home."""
    for name in [name for name in os.environ if name.startswith("AUTOMEDIMG_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    return home
