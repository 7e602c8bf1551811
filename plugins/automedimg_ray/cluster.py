"""A Ray cluster that is there already, or a small one of this process's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray

from automedimg.contracts import ExecutorOptions
from automedimg.errors import ConfigurationError
from automedimg_ray import connecting
from automedimg_ray.host import Host
from automedimg_ray.link import Hear, Link
from automedimg_ray.shares import Share, share_out

CLOSE_S = 5.0
"""Seconds in which workers may end on their own."""


@dataclass(frozen=True, slots=True)
class RayCluster:
    """Ray, connected, and what each slot gets of it.

    Args:
        share: What a slot reserves.
        setup: As `Host` gets it.
        hang_s: Seconds without a sign of life after which a slot is lost.
        connection: To be undone at the end.
    """

    share: Share
    setup: Mapping[str, Any]
    hang_s: float
    connection: connecting.Connection

    def open(self, hear: Hear) -> Link:
        """Ask for a slot; returns at once."""
        # `take` blocks in a thread of its own while commands, in their order, have another.
        actor = ray.remote(concurrency_groups={"take": 1})(Host).options(
            num_cpus=self.share.cpus,
            num_gpus=self.share.gpus,
            max_concurrency=1,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        return Link(actor.remote(dict(self.setup)), hear, self.hang_s)

    def close(self, links: list[Link]) -> None:
        """End these slots, and Ray if it was started for them."""
        with suppress(Exception):  # Ray itself may be gone
            asked = [link.closing() for link in links if link.up]
            if asked:
                ray.wait(asked, num_returns=len(asked), timeout=CLOSE_S)
        for link in links:
            link.end()
        for link in links:
            link.join()
        self.connection.close()


def connect(options: ExecutorOptions) -> RayCluster:
    """Connect to a cluster, or start one, and divide it.

    Raises:
        BackendError: no cluster is at the address, or it has nothing to give.
        ConfigurationError: GPUs are chosen by their ids, which a cluster does itself.
    """
    if options.devices and (options.address is not None or ray.is_initialized()):
        raise ConfigurationError(
            f"a Ray cluster gives out its GPUs itself; asked for {', '.join(options.devices)}",
            "`CUDA_VISIBLE_DEVICES=... ray start` says which ones a node offers; `--devices cpu` "
            "uses none",
        )
    connection = connecting.open_ray(options)
    try:
        nodes = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
        share = share_out(list(nodes.values()), options)
    except BaseException:
        connection.close()
        raise
    slots = {name: min(share.count, share.fits(have)) for name, have in nodes.items()}
    setup = {
        "environment": _environment(share),
        # A cluster's nodes have installations of their own.
        "path": [entry for entry in sys.path if entry] if connection.local else None,
        "memory_bytes": options.worker_memory_bytes,
        "slots": {name: max(1, number) for name, number in slots.items()},
        "hang_s": options.hang_s,
        "lease_s": options.hang_s / 2,
    }
    return RayCluster(share, setup, options.hang_s, connection)


def _environment(share: Share) -> dict[str, str]:
    """What a worker's environment adds to its node's."""
    names = [n for n in os.environ if n == "KERAS_BACKEND" or n.startswith("AUTOMEDIMG_")]
    passed = {name: os.environ[name] for name in names}
    threads = str(share.threads)
    if share.gpus:
        return {**passed, "OMP_NUM_THREADS": threads}  # Ray sets the visible devices
    limits = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
    return {**passed, **hidden, **dict.fromkeys(limits, threads)}
