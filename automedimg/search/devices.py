"""What trials can run on, found without loading CUDA or HIP into this process."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from automedimg.errors import ConfigurationError
from automedimg.executing import num_cores

NVIDIA, AMD = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
KFD = Path("/sys/class/kfd/kfd/topology/nodes")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one worker.

    Args:
        name: For the record: ``cpu``, or a GPU's id.
        environment: What its worker's environment adds.
    """

    name: str
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or a part of one.

    Args:
        name: Its number, UUID or MIG name.
        variable: The environment variable that confines a process to it.
    """

    name: str
    variable: str


def find_slots(
    backend: str,
    workers: int | None = None,
    devices: Sequence[str] | None = None,
    per_device: int = 1,
) -> list[Slot]:
    """Some slots a GPU that the backend can use, else CPU slots that share the cores.

    Args:
        backend: Of Keras.
        workers: How many slots are wanted; None takes `per_device` a GPU, or one for the CPU.
        devices: Ids of the GPUs to use; None or ``all`` takes all that are visible, an empty
            sequence none.
        per_device: Slots a GPU.
    Raises:
        ConfigurationError: GPUs are asked for of a backend that can't use them.
    """
    gpus = visible_gpus() if uses_gpus(backend) else []
    if devices and tuple(devices) != ("all",) and not gpus:
        raise ConfigurationError(
            f"no GPU is there that {backend} can use; asked for {', '.join(devices)}",
            "is the driver installed, and the backend's build one for GPUs? "
            "`--devices cpu` runs on the CPU",
        )
    if devices is not None and tuple(devices) != ("all",):
        variable = gpus[0].variable if gpus else NVIDIA
        gpus = [Gpu(name, variable) for name in devices]
    if gpus:
        count = workers or len(gpus) * per_device
        chosen = [gpus[i % len(gpus)] for i in range(count)]
        return [Slot(gpu.name, ((gpu.variable, gpu.name),)) for gpu in chosen]
    count = workers or 1
    threads = str(max(1, num_cores() // count))
    limits = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    environment = ((NVIDIA, ""), (AMD, ""), *((name, threads) for name in limits))
    return [Slot("cpu", environment) for _ in range(count)]


def uses_gpus(backend: str) -> bool:
    """Whether the installed build of a backend could use a GPU at all."""
    if backend != "tensorflow":
        return True
    names = {str(found.name).lower() for found in importlib.metadata.distributions()}
    return not {"tensorflow-cpu", "tensorflow_cpu"} & names


def visible_gpus() -> list[Gpu]:
    """The GPUs that this process may use; the environment's variables have the first word.

    Parts of a GPU in MIG mode count instead of it.
    """
    for variable in (NVIDIA, AMD):
        visible = os.environ.get(variable)
        if visible is not None:
            names = [name.strip() for name in visible.split(",")]
            # CUDA ignores an invalid id and all that follow it.
            return [Gpu(name, variable) for name in takewhile(_is_id, names)]
    return [Gpu(name, NVIDIA) for name in _nvidia()] or [Gpu(name, AMD) for name in _amd()]


def _is_id(name: str) -> bool:
    """Whether it names a GPU, and not none of them."""
    return name.isdecimal() or name.startswith(("GPU-", "MIG-"))


def _nvidia() -> list[str]:
    """UUIDs as NVIDIA's driver lists them."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        listed = subprocess.run(
            [command, "-L"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found: list[str] = []
    for line in listed.stdout.splitlines():
        match = re.search(r"UUID: ((GPU|MIG)-[^)\s]+)", line)
        if match is None:
            continue
        if match[2] == "MIG" and found and found[-1].startswith("GPU-"):
            found.pop()  # it is divided: its parts are used
        found.append(match[1])
    return found


def _amd() -> list[str]:
    """Numbers of AMD's GPUs, from what its kernel driver says: CPUs have a `gpu_id` of 0."""
    ids = []
    for node in sorted(KFD.glob("*"), key=lambda path: int(path.name)):
        try:
            ids.append((node / "gpu_id").read_text().strip())
        except OSError:
            continue
    return [str(number) for number, _ in enumerate(one for one in ids if one not in ("", "0"))]
