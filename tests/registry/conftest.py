"""Installs made-up distributions for the registry's tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with modules and `automedimg` entry points on the path."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    modules: list[str] = []

    def put(distribution: str, entry_points: str, version: str = "1.0", **sources: str) -> None:
        info = site / f"{distribution}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[automedimg]\n{entry_points}\n")
        for name, source in sources.items():
            (site / f"{name}.py").write_text(source)
            modules.append(name)

    yield put
    for name in modules:
        sys.modules.pop(name, None)
