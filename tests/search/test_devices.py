"""What trials can run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from automedimg.search import devices
from automedimg.search.devices import find_slots, num_cores, uses_gpus, visible_gpus


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the machine's own GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    if devices.shutil.which("nvidia-smi"):
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def nvidia_smi(tmp_path: Path, script: str) -> None:
    command = tmp_path / "bin" / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


LISTING = """
[ "$*" = "--query-gpu=uuid --format=csv,noheader" ] || exit 9
echo GPU-aaaa
echo GPU-bbbb
"""


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [("", []), ("-1", []), ("0", ["0"]), ("0,2", ["0", "2"]), (" GPU-x , 1,", ["GPU-x", "1"])],
)
def test_the_variable_has_the_first_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, gpus: list[str]
) -> None:
    nvidia_smi(tmp_path, LISTING)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == gpus


def test_gpus_are_listed_by_the_driver(tmp_path: Path) -> None:
    assert visible_gpus() == []
    nvidia_smi(tmp_path, LISTING)
    assert visible_gpus() == ["GPU-aaaa", "GPU-bbbb"]


@pytest.mark.parametrize(
    "script", ["exit 9", "echo GPU-aaaa; exit 1", "echo 'No devices were found'", "kill -9 $$"]
)
def test_a_driver_that_does_not_answer_means_no_gpu(tmp_path: Path, script: str) -> None:
    nvidia_smi(tmp_path, script)
    assert visible_gpus() == []


def test_a_slot_for_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-b")
    slots = find_slots("jax")
    assert [slot.name for slot in slots] == ["0", "GPU-b"]
    assert [dict(slot.environment)["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["0", "GPU-b"]
    assert [slot.name for slot in find_slots("jax", 3)] == ["0", "GPU-b", "0"]
    assert [slot.name for slot in find_slots("jax", 1)] == ["0"]


@pytest.mark.parametrize(
    ("cores", "workers", "threads"), [(8, None, "8"), (8, 2, "4"), (8, 3, "2"), (2, 5, "1")]
)
def test_cpu_slots_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, workers: int | None, threads: str
) -> None:
    monkeypatch.setattr(devices, "num_cores", lambda: cores)
    slots = find_slots("torch", workers)
    assert [slot.name for slot in slots] == ["cpu"] * (workers or 1)
    for slot in slots:
        environment = dict(slot.environment)
        assert environment.pop("CUDA_VISIBLE_DEVICES") == ""
        assert set(environment.values()) == {threads}
        assert "OMP_NUM_THREADS" in environment


def test_a_build_without_gpu_support_gets_cpu_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(tmp_path, LISTING)
    monkeypatch.setattr(devices, "uses_gpus", lambda backend: False)
    assert [slot.name for slot in find_slots("tensorflow")] == ["cpu"]


class Named:
    def __init__(self, name: str | None) -> None:
        self.name = name


@pytest.mark.parametrize(
    ("installed", "backend", "uses"),
    [
        (["keras", "tensorflow-cpu"], "tensorflow", False),
        (["TensorFlow_CPU"], "tensorflow", False),
        (["tensorflow"], "tensorflow", True),
        (["tensorflow-cpu", "jax"], "jax", True),
    ],
)
def test_what_is_installed_says_whether_gpus_help(
    monkeypatch: pytest.MonkeyPatch, installed: list[str], backend: str, uses: bool
) -> None:
    found = [Named(name) for name in installed]
    monkeypatch.setattr(devices.importlib.metadata, "distributions", lambda: found)
    assert uses_gpus(backend) is uses


def test_a_distribution_without_metadata_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "broken-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    uses_gpus("tensorflow")


def test_there_is_a_core() -> None:
    assert num_cores() >= 1
