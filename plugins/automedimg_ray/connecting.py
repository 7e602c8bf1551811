"""Connecting to Ray, or starting one, and undoing it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from automedimg.contracts import ExecutorOptions
from automedimg.errors import BackendError
from automedimg.executing import num_cores
from automedimg_ray.quiet import init, mute, settings

OBJECTS_BYTES = 100 * 2**20
"""Of a Ray of our own, for objects, of which we have none."""

REACH_S = 10.0
"""Seconds to wait for a cluster's head; Ray itself tries for minutes."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What is to be undone.

    Args:
        local: Whether this Ray is our own.
        undo: Undoes it.
    """

    local: bool
    undo: Callable[[], None]

    def close(self) -> None:
        """Leave the cluster, or end a Ray of our own; one that others connected to stays."""
        self.undo()


def open_ray(options: ExecutorOptions) -> Connection:
    """Use the Ray that this process is connected to, else the one at the address, else a new one.

    Raises:
        BackendError: there is none at the address.
    """
    if ray.is_initialized():
        return Connection(False, lambda: None)
    unmute = mute()
    if options.address is None:
        folder = _start(options)
        return Connection(True, lambda: _leave(unmute, folder))
    _connect(options.address)
    return Connection(False, lambda: _leave(unmute))


def _start(options: ExecutorOptions) -> str:
    """Start a small Ray; returns the folder of its logs and sockets."""
    # Not $TMPDIR, which may be too long for the name of a socket.
    short = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108 - `mkdtemp` is safe
    folder = tempfile.mkdtemp(prefix="automedimg-ray-", dir=short)
    wanted: dict[str, Any] = {"num_cpus": num_cores()}
    added = {}
    if options.devices is not None:
        wanted["num_gpus"] = len(options.devices)
        added = {"CUDA_VISIBLE_DEVICES": ",".join(options.devices)} if options.devices else {}
    try:
        with settings(added):
            init(
                address="local",
                include_dashboard=False,
                object_store_memory=OBJECTS_BYTES,
                _node_ip_address="127.0.0.1",  # nobody else may come in
                _temp_dir=folder,
                **wanted,
            )
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BackendError(f"Ray can't be started: {_in_a_line(error)}") from error
    return folder


def _connect(address: str) -> None:
    try:
        _reach(_current() if address == "auto" else address)
        with settings({}):
            init(address=address)
    except Exception as error:
        raise BackendError(
            f"no Ray cluster can be reached at `{address}`: {_in_a_line(error)}",
            "`ray start --head` starts one on this machine; `--address` takes `auto` on one of its "
            "nodes, `HOST:PORT`, or `ray://HOST:10001` from elsewhere; a cluster with tokens wants "
            "RAY_AUTH_MODE=token here, too",
        ) from error


def _leave(unmute: Callable[[], None], folder: str | None = None) -> None:
    with suppress(Exception):  # it may be gone already
        ray.shutdown()
    unmute()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _current() -> str:
    """Where Ray looks for a cluster, which may be one that is no more."""
    system = "/tmp" if sys.platform == "linux" else tempfile.gettempdir()  # noqa: S108 - Ray's own
    noted = Path(os.environ.get("RAY_TMPDIR", system), "ray", "ray_current_cluster")
    with suppress(OSError):
        return os.environ.get("RAY_ADDRESS") or noted.read_text(encoding="utf-8").strip()
    return ""


def _reach(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()


def _in_a_line(error: Exception) -> str:
    """What an error says first, and last where that is the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") else lines[0]
