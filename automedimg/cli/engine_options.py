"""The options that say when a search ends and where its trials run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from automedimg.cli.options import Devices, Duration, Memory

_LIMITS = (
    click.option("--trials", type=int, help="Trials in all. [default: 30 if nothing else limits]"),
    click.option("--time", "time_s", type=Duration(), help="Time for everything, e.g. 10m."),
    click.option("--patience", type=int, help="Stop after so many trials without improvement."),
    click.option("--target", type=float, help="Stop when the metric reaches this value."),
    click.option(
        "--stop",
        metavar="RULE",
        help="same:N or same:N,TOLERANCE: stop when N trials in a row come to the same result, "
        "give or take the tolerance. [default of it: 0.001]",
    ),
    click.option("--trial-time", "trial_time_s", type=Duration(), help="Most time a trial."),
)

_PLACES = (
    click.option("--executor", default=None, help="Where trials run. [default: local]"),
    click.option("--address", help="Of a cluster, for executors that use one, e.g. auto."),
    click.option("--workers", type=int, help="Trials at once. [default: one a GPU, or one]"),
    click.option(
        "--devices",
        type=Devices(),
        help="GPUs to use, e.g. 0,1, or cpu, or all. [default: all that are visible]",
    ),
    click.option("--workers-per-device", type=int, help="Trials at once on a GPU. [default: 1]"),
    click.option(
        "--worker-memory",
        "worker_memory_bytes",
        type=Memory(),
        help="Memory past which a trial is ended, e.g. 8G. [default: 90 % of it, shared out]",
    ),
    click.option(
        "--hang-time",
        "hang_s",
        type=Duration(),
        help="End a trial that gives no sign of life for so long. [default: 5m]",
    ),
    click.option(
        "--checkpoint-time",
        "checkpoint_s",
        type=Duration(),
        help="Time between two checkpoints of a trial, at epochs' ends. [default: 10s]",
    ),
    click.option(
        "--storage",
        metavar="URL",
        help="Server that keeps the ledger, e.g. postgresql://user@host/db; processes on the same "
        "--out then work on one search together. [default: a file in the run directory]",
    ),
    click.option("--weights-dir", metavar="DIR", help="Folder of pretrained weight files."),
)


_EXTRAS = (
    click.option(
        "--score-train",
        is_flag=True,
        default=None,
        help="Score the best model on the training split, too, and note the training accuracy of "
        "each epoch.",
    ),
    click.option(
        "--tensorboard",
        is_flag=True,
        default=None,
        help="Write logs for TensorBoard into each trial's folder.",
    ),
)


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say when a search ends."""
    for option in reversed(_LIMITS):
        command = option(command)
    return command


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where trials run."""
    for option in reversed(_PLACES):
        command = option(command)
    return command


def extra_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what else is to be noted."""
    for option in reversed(_EXTRAS):
        command = option(command)
    return command


def given(settings: dict[str, Any]) -> dict[str, Any]:
    """Only what was set on the command line; the rest keeps its default, or what it was before."""
    found = {name: value for name, value in settings.items() if value is not None}
    if "stop" in found:
        found["stop"] = (found["stop"],)
    return found
