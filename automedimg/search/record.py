"""What a run directory says of itself: `run.json` and the tables of its data."""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from automedimg.contracts import DatasetSpec, RunContext
from automedimg.data import files
from automedimg.data.prepare import PreparedData
from automedimg.errors import RunError
from automedimg.registry import Catalog
from automedimg.search.continuing import asked
from automedimg.search.request import SearchRequest
from automedimg.search.space import SearchSpace
from automedimg.search.urls import redacted
from automedimg.version import RUN_FORMAT, __version__

LOCK, NOTE = ".lock", ".holder"
LOCK_FILES = {LOCK, NOTE}
ROWS = "rows.npz"
TABLES = {"splits.csv", "audit.json", ROWS}
"""What is there before `run.json` is."""

PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "optuna", "numpy", "pillow")


def is_temporary(name: str) -> bool:
    """Whether a file was being written when a kill came; see `automedimg.data.files.replacing`."""
    return name.startswith(".") and "-" in name


@contextmanager
def hold(folder: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold a run directory for this process.

    Args:
        folder: The run directory.
        shared: Whether to join another process that holds it.
    Returns:
        Whether this process holds it; else it has joined.
    Raises:
        RunError: another process holds it, and it can't be joined.
    """
    lock = try_to_hold(folder)
    if lock is None and shared:
        yield False
        return
    if lock is None:
        note = folder / NOTE
        holder = note.read_text(encoding="utf-8") if note.is_file() else "another process"
        raise RunError(
            f"`{folder}` is in use by {holder}",
            "wait for it, or choose another `--out`; several processes can work on one search "
            "that keeps its ledger on a server, see `--storage`",
        )
    try:
        yield True
    finally:
        release(folder, lock)


def try_to_hold(folder: Path) -> filelock.BaseFileLock | None:
    """Take a run directory's lock and note who has it; None if another process has it."""
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return None
    try:
        name = platform.node() or "this machine"
        files.write_text(folder / NOTE, f"process {os.getpid()} on {name}")
    except OSError:
        lock.release()
        raise
    return lock


def release(folder: Path, lock: filelock.BaseFileLock) -> None:
    """Give back what `try_to_hold` took."""
    (folder / NOTE).unlink(missing_ok=True)
    lock.release()


def describe_run(
    request: SearchRequest,
    spec: DatasetSpec,
    recognised: str,
    data: PreparedData,
    space: SearchSpace,
    catalog: Catalog,
    devices: tuple[str, ...],
    backend: str,
) -> dict[str, Any]:
    """Return what `run.json` says of a new run."""
    metric = catalog.metrics.get(request.metric)
    return {
        "format": RUN_FORMAT,
        "automedimg": __version__,
        "task": spec.name,
        "task_options": dict(request.options),
        "recognised": recognised,
        "synthetic": data.synthetic,
        "data": str(data.root.resolve()),
        "data_fingerprint": data.fingerprint,
        "protocol": data.protocol,
        "splits": str(request.splits) if request.splits else None,
        "external_test": str(request.external_test) if request.external_test else None,
        "seed": request.seed,
        "metric": metric.name,
        "metric_label": metric.label or metric.name,
        "direction": metric.direction,
        "strategy": request.strategy,
        "backbones": {name: list(o.modes) for name, o in space.backbones.items()},
        "heads": list(space.heads),
        "fix": dict(space.fixed),
        "asked": asked(request),
        "space": space.describe(),
        "image_size": request.image_size or spec.image_size,
        "preprocessings": list(request.preprocessings),
        "channels": spec.channels,
        "classes": list(spec.classes),
        "positive": spec.positive,
        "epochs": request.epochs,
        "epoch_patience": request.epoch_patience,
        "limits": request.limits_json(),
        "request": request.to_json(),
        "study": f"automedimg-{request.out.resolve().name}-{uuid.uuid4().hex[:8]}",
        "storage": redacted(request.storage) if request.storage else None,
        "source": asdict(spec.source),
        "backend": backend,
        "versions": _versions(backend),
        "devices": list(devices),
        "created": now(),
        "notes": [],
        "test_openings": [],
        "sessions": [],
    }


def write_tables(folder: Path, data: PreparedData) -> None:
    """Write `splits.csv`, `audit.json` and `rows.npz`."""
    files.write_text(folder / "splits.csv", data.splits_csv())
    write_audit(folder, data.audit)
    with files.replacing(folder / ROWS) as temporary:
        np.savez(temporary, row=data.rows, label=data.labels, split=data.splits, group=data.groups)


def write_audit(folder: Path, audit: Mapping[str, Any]) -> None:
    """Write `audit.json`."""
    files.write_json(folder / "audit.json", dict(audit))


def make_context(
    folder: Path, rows: Path, data: PreparedData, request: SearchRequest, classes: tuple[str, ...]
) -> RunContext:
    """Return what all jobs of a run share."""
    cache = data.pixels.scan_folder.parent.parent
    return RunContext(
        pixels={name: str(path) for name, path in data.pixels.images.items()},
        rows=str(rows),
        features=str(cache / "features"),
        data_fingerprint=data.fingerprint,
        classes=classes,
        metric=request.metric,
        seed=request.seed,
        log=str(folder / "log.txt"),
    )


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions(backend: str) -> dict[str, str]:
    found = {"python": platform.python_version(), "backend": backend}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
