"""Cores are those that this process may use."""

import os
from pathlib import Path

import pytest

from automedimg.executing import cores, num_cores


def container(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, allowed: int) -> None:
    """Pretend that a container's limit says so, and that the system allows so many cores."""
    file = folder / "cpu.max"
    file.write_text(text)
    monkeypatch.setattr(cores, "Path", lambda _: file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)


@pytest.mark.parametrize(
    ("text", "allowed", "expected"),
    [
        ("max 100000", 6, 6),
        ("400000 100000", 6, 4),
        ("150000 100000", 6, 2),
        ("10000 100000", 6, 1),
        ("900000 100000", 6, 6),
        ("", 3, 3),
    ],
)
def test_a_containers_share_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, allowed: int, expected: int
) -> None:
    container(monkeypatch, tmp_path, text, allowed)
    assert num_cores() == expected


def test_there_is_a_core_where_no_container_says_anything() -> None:
    assert num_cores() >= 1
