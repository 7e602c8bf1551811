"""What trials can run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from automedimg.errors import ConfigurationError
from automedimg.search import devices
from automedimg.search.devices import find_slots, uses_gpus, visible_gpus


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the machine's own GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("HIP_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "KFD", tmp_path / "no-kfd")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    if devices.shutil.which("nvidia-smi"):
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def nvidia_smi(tmp_path: Path, script: str) -> None:
    command = tmp_path / "bin" / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


LISTING = """
[ "$*" = "-L" ] || exit 9
echo "GPU 0: NVIDIA H200 (UUID: GPU-aaaa)"
echo "GPU 1: NVIDIA H200 (UUID: GPU-bbbb)"
"""

MIG_LISTING = """
echo "GPU 0: NVIDIA A100 (UUID: GPU-aaaa)"
echo "  MIG 3g.20gb Device  0: (UUID: MIG-1111)"
echo "  MIG 3g.20gb Device  1: (UUID: MIG-2222)"
echo "GPU 1: NVIDIA A100 (UUID: GPU-bbbb)"
"""


def names() -> list[str]:
    return [gpu.name for gpu in visible_gpus()]


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [("", []), ("-1", []), ("0", ["0"]), ("0,2", ["0", "2"]), (" GPU-x , 1,", ["GPU-x", "1"])],
)
def test_the_variable_has_the_first_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, gpus: list[str]
) -> None:
    nvidia_smi(tmp_path, LISTING)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert names() == gpus


def test_gpus_are_listed_by_the_driver(tmp_path: Path) -> None:
    assert visible_gpus() == []
    nvidia_smi(tmp_path, LISTING)
    assert names() == ["GPU-aaaa", "GPU-bbbb"]


def test_parts_of_a_gpu_count_instead_of_it(tmp_path: Path) -> None:
    nvidia_smi(tmp_path, MIG_LISTING)
    assert names() == ["MIG-1111", "MIG-2222", "GPU-bbbb"]
    (slot, *_) = find_slots("jax")
    assert slot.environment == (("CUDA_VISIBLE_DEVICES", "MIG-1111"),)


def test_amd_gpus_are_those_that_the_kernel_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for node, number in enumerate(("0", "0", "5137", "9821")):
        (tmp_path / "kfd" / str(node)).mkdir(parents=True)
        (tmp_path / "kfd" / str(node) / "gpu_id").write_text(f"{number}\n")
    monkeypatch.setattr(devices, "KFD", tmp_path / "kfd")
    assert [slot.environment for slot in find_slots("torch")] == [
        (("HIP_VISIBLE_DEVICES", "0"),),
        (("HIP_VISIBLE_DEVICES", "1"),),
    ]
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1")
    assert [slot.name for slot in find_slots("torch")] == ["1"]


def test_devices_can_be_named(tmp_path: Path) -> None:
    nvidia_smi(tmp_path, LISTING)
    assert [slot.name for slot in find_slots("jax", devices=("1",))] == ["1"]
    assert [slot.name for slot in find_slots("jax", devices=("0", "1"), per_device=2)] == [
        *("0", "1", "0", "1")
    ]
    assert [slot.name for slot in find_slots("jax", devices=())] == ["cpu"]


def test_devices_that_can_not_be_used_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no GPU is there that torch can use"):
        find_slots("torch", devices=("0",))


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
        assert environment.pop("HIP_VISIBLE_DEVICES") == ""
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
