"""How the cores and GPUs of a cluster are divided among slots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automedimg.contracts import ExecutorOptions
from automedimg.errors import BackendError, ConfigurationError

Resources = Mapping[str, float]
"""Of one node, as Ray names them: ``CPU``, ``GPU``."""

_PARTS = 10_000
"""Ray counts in so many parts of a core or GPU."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one slot reserves, and how many slots there are.

    Args:
        count: Slots.
        cpus: Cores of a slot; may be less than one.
        gpus: GPUs of a slot; less than one where slots share a GPU.
    """

    count: int
    cpus: float
    gpus: float = 0.0

    @property
    def threads(self) -> int:
        """Threads of a slot's worker."""
        return max(1, int(self.cpus))

    def fits(self, node: Resources) -> int:
        """How many such slots a node holds."""
        rooms = []
        if self.cpus:
            rooms.append(math.floor(node.get("CPU", 0.0) / self.cpus + 1e-6))
        if self.gpus:
            rooms.append(math.floor(node.get("GPU", 0.0) / self.gpus + 1e-6))
        return min(rooms, default=0)


def share_out(nodes: Sequence[Resources], options: ExecutorOptions) -> Share:
    """Divide a cluster: by its GPUs if it has any, else by its cores.

    Without a number of workers there are `workers_per_device` slots a GPU, or else as many as there
    are nodes with cores.

    Args:
        nodes: What each node has.
        options: As the executor got them; an empty tuple of devices asks for no GPU.
    Raises:
        ConfigurationError: GPUs are asked for where there are none.
        BackendError: the cluster has no cores either.
    """
    with_gpus = [node for node in nodes if node.get("GPU", 0) >= 1]
    if options.devices and not with_gpus:
        raise ConfigurationError(
            f"the cluster has no GPU; asked for {', '.join(options.devices)}",
            "`--devices cpu` runs on its cores",
        )
    if with_gpus and options.devices != ():
        return _by_gpu(with_gpus, options)
    return _by_core([node.get("CPU", 0.0) for node in nodes], options.workers)


def _by_gpu(nodes: Sequence[Resources], options: ExecutorOptions) -> Share:
    gpus = sum(int(node["GPU"]) for node in nodes)
    count = options.workers or gpus * options.workers_per_device
    on_each = math.ceil(count / gpus)
    # The scarcest node decides: a slot must find room on any of them when another is lost.
    cores = min(node.get("CPU", 0.0) / (int(node["GPU"]) * on_each) for node in nodes)
    cpus = float(int(cores)) if cores >= 1 else math.floor(cores * _PARTS) / _PARTS
    return Share(count, cpus, 1.0 if on_each == 1 else math.floor(_PARTS / on_each) / _PARTS)


def _by_core(cores: Sequence[float], workers: int | None) -> Share:
    """Give each of so many slots as many cores as will do for all of them."""
    cores = [one for one in cores if one > 0]
    if not cores:
        raise BackendError(
            "the Ray cluster has neither cores nor GPUs to give",
            "`ray start --num-cpus=N` says how many a node offers",
        )
    count = workers or len(cores)
    whole = (float(size) for size in range(int(max(cores)), 0, -1))
    parts = (math.floor(_PARTS / on_each) / _PARTS for on_each in range(2, count + 1))
    for size in (*whole, *parts):
        if sum(math.floor(one / size + 1e-6) for one in cores) >= count:
            return Share(count, size)
    return Share(count, math.floor(_PARTS * min(1.0, min(cores)) / count) / _PARTS)
