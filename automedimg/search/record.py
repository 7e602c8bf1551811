"""What a run directory says of itself: `run.json` and the tables of its data."""

from __future__ import annotations

import os
import platform
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
from automedimg.search.request import SearchRequest
from automedimg.search.space import SearchSpace
from automedimg.version import RUN_FORMAT, __version__

LOCK_FILES = {".lock", ".holder"}
PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "optuna", "numpy", "pillow")

SAME_IN_ALL_SESSIONS = (
    "task",
    "task_options",
    "data_fingerprint",
    "protocol",
    "seed",
    "metric",
    "strategy",
    "asked",
    "space_fingerprint",
    "backend",
    "image_size",
    "epochs",
    "epoch_patience",
)
"""What a run can't be continued without; limits may change."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a run directory for this process alone.

    Raises:
        RunError: another process holds it.
    """
    note = folder / ".holder"
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        holder = note.read_text(encoding="utf-8") if note.is_file() else "another process"
        raise RunError(
            f"`{folder}` is in use by {holder}", "wait for it, or choose another `--out`"
        ) from error
    try:
        files.write_text(note, f"process {os.getpid()} on {platform.node() or 'this machine'}")
        yield
    finally:
        note.unlink(missing_ok=True)
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
        "space_fingerprint": space.fingerprint(),
        "image_size": request.image_size or spec.image_size,
        "preprocessings": list(request.preprocessings),
        "channels": spec.channels,
        "classes": list(spec.classes),
        "positive": spec.positive,
        "epochs": request.epochs,
        "epoch_patience": request.epoch_patience,
        "limits": asdict(request.limits) | {"trial_time_s": request.trial_limit_s},
        "source": asdict(spec.source),
        "backend": backend,
        "versions": _versions(backend),
        "devices": list(devices),
        "created": now(),
        "notes": [],
        "test_openings": [],
        "sessions": [],
    }


def continue_run(before: Mapping[str, Any], today: Mapping[str, Any]) -> dict[str, Any]:
    """Return `run.json` for a further session of a run.

    Raises:
        RunError: something differs that would make trials incomparable; all of it is named.
    """
    refuse_differences(before, {name: today[name] for name in SAME_IN_ALL_SESSIONS})
    return {**before, "limits": today["limits"], "versions": today["versions"]}


def refuse_differences(before: Mapping[str, Any], today: Mapping[str, Any]) -> None:
    """Raise if a run was begun with other settings.

    Args:
        before: What `run.json` says.
        today: Those settings of today that must be the same.
    Raises:
        RunError: some differ; all of them are named.
    """
    differences = [
        f"{name}: then {before.get(name)}, now {value}"
        for name, value in today.items()
        if before.get(name) != value
    ]
    if differences:
        raise RunError(
            "this run can't be continued with other settings: " + "; ".join(differences),
            "repeat the settings of `run.json`, or choose another `--out`",
        )


def asked(request: SearchRequest) -> dict[str, Any]:
    """How a request narrows the space, as JSON types."""
    return {
        "preprocessings": list(request.preprocessings),
        "backbones": list(request.backbones),
        "heads": list(request.heads),
        "fix": {name: str(value) for name, value in request.fix.items()},
    }


def write_tables(folder: Path, data: PreparedData) -> Path:
    """Write `splits.csv`, `audit.json` and `rows.npz`; return the last one's path."""
    files.write_text(folder / "splits.csv", data.splits_csv())
    files.write_json(folder / "audit.json", data.audit)
    rows = folder / "rows.npz"
    with files.replacing(rows) as temporary:
        np.savez(temporary, row=data.rows, label=data.labels, split=data.splits, group=data.groups)
    return rows


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
