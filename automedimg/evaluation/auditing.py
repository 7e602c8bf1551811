"""The whole audit of a data set: what it holds, what its split leaks, what gives the label away."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from automedimg.contracts import DatasetSpec, Event, StageStarted
from automedimg.data import caches, files
from automedimg.data.notices import leak_in_words
from automedimg.data.prepare import PreparedData
from automedimg.data.scan import describe_columns
from automedimg.evaluation.shortcuts import find_shortcuts

ALARMING = ("strong", "clear")
"""Levels of a shortcut that are said before anything else."""

PARTS = {"level", "verdict"}
"""What any kept measurement says."""

VERSION = 2
"""Raised whenever shortcuts are measured in another way."""


def complete_audit(
    data: PreparedData,
    spec: DatasetSpec,
    recognised: str,
    cache: Path,
    listener: Callable[[Event], None],
) -> dict[str, Any]:
    """Return what ``audit.json`` holds.

    Args:
        data: The prepared data; its own audit is completed.
        spec: The task.
        recognised: What the folder was taken for, if no task was named.
        cache: The folder of the caches; shortcuts of the same data are measured once.
        listener: Hears about the progress.
    Returns:
        The data's audit with ``headline`` before it, ``task``, ``recognised``, ``synthetic`` and
        ``shortcut``.
    """
    listener(StageStarted("looking for shortcuts"))
    shortcut = _shortcut(data, len(spec.classes), cache)
    audit = {**data.audit, "shortcut": shortcut}
    about = {"task": spec.name, "recognised": recognised or None, "synthetic": data.synthetic}
    return {"headline": headline(audit), **about, **audit}


def headline(audit: Mapping[str, Any]) -> str:
    """One line: what matters most about a data set.

    Args:
        audit: With ``shortcut``.
    """
    conflicts, unreadable = len(audit["label_conflicts"]), len(audit["unreadable"])
    found = [
        shortcut_in_words(audit["shortcut"]),
        leak_in_words(audit["leakage"]),
        f"{conflicts} set(s) of copies carry different labels" if conflicts else "",
        f"{unreadable} file(s) can't be used" if unreadable else "",
    ]
    alarming = [words for words in found if words]
    if alarming:
        return ". ".join(alarming) + "."
    copies = audit["images_with_copies"]
    return (
        f"Nothing alarming: no leak, no label conflict, no strong shortcut; {copies} of "
        f"{audit['images']} images have a copy."
    )


def shortcut_in_words(shortcut: Mapping[str, Any]) -> str:
    """What metadata alone tell of the label; empty if that is little or nothing."""
    alarming = shortcut["level"] in ALARMING
    return f"SHORTCUT: {shortcut['verdict']}".rstrip(".") if alarming else ""


def _shortcut(data: PreparedData, num_classes: int, cache: Path) -> dict[str, Any]:
    columns = describe_columns(data.pixels.scan, data.rows)
    key = hashlib.sha256(f"{VERSION}\n{data.pixels.key}\n{num_classes}\n".encode())
    for array in (data.rows, data.labels, data.groups):
        key.update(array.tobytes())
    path = files.make_folder(cache / "audits") / f"{key.hexdigest()[:24]}.json"
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if known.keys() >= PARTS:
            caches.note_time(path)
            return known
    except (AttributeError, OSError, ValueError):
        pass  # not measured yet, or damaged
    shortcut = find_shortcuts(columns, data.labels, data.groups, num_classes)
    with suppress(OSError):  # a full disk costs the next audit a few seconds, not this one its end
        files.write_json(path, shortcut)
    return shortcut
