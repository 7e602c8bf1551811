"""The whole audit of a data set: what it holds, what its split leaks, what gives the label away."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
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

MEASURING: Mapping[str, Any] = {
    "auc": None,
    "reason": "it is still being measured",
    "level": "unknown",
    "verdict": "How well metadata alone predict the class is still being measured.",
    "columns": [],
    "carried_by": [],
    "auc_random_split": None,
    "folds": None,
}
"""What an audit says of shortcuts until they are measured."""

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
    path = _path(data, len(spec.classes), cache)
    known = _known(path)
    shortcut = known if known is not None else _measured(path, data, len(spec.classes))
    return _completed(data, spec, recognised, shortcut)


class LateAudit:
    """An audit whose shortcuts are measured meanwhile, in a thread; nothing waits for them.

    Args:
        data: The prepared data; its own audit is completed.
        spec: The task.
        recognised: What the folder was taken for, if no task was named.
        cache: The folder of the caches; where it knows the shortcuts, the audit is whole at once.
        listener: Hears that they are looked for.
    Attributes:
        audit: As from `complete_audit`; until the shortcuts are measured, it says so instead.
    """

    def __init__(
        self,
        data: PreparedData,
        spec: DatasetSpec,
        recognised: str,
        cache: Path,
        listener: Callable[[Event], None],
    ) -> None:
        listener(StageStarted("looking for shortcuts"))
        self._complete = partial(_completed, data, spec, recognised)
        path, self._news = _path(data, len(spec.classes), cache), True
        self._found: dict[str, Any] | Exception | None = _known(path)
        self.audit = self._complete(MEASURING if self._found is None else self._found)
        measure = partial(_measured, path, data, len(spec.classes))
        self._thread = threading.Thread(target=self._measure, args=(measure,), daemon=True)
        if self._found is None:
            self._thread.start()

    def news(self, *, wait: bool = False) -> bool:
        """Whether the audit has become whole; true once.

        Args:
            wait: Whether to wait until it is.
        Raises:
            AutomedimgError: the shortcuts can't be measured.
        """
        if wait and self._found is None:
            self._thread.join()
        found, told = self._found, not self._news
        if found is None or told:
            return False
        self._news = False
        if isinstance(found, Exception):
            raise found
        self.audit = self._complete(found)
        return True

    def _measure(self, measure: Callable[[], dict[str, Any]]) -> None:
        try:
            self._found = measure()
        # Raised anew where the audit is asked for.
        except Exception as error:  # noqa: BLE001
            self._found = error


def _completed(
    data: PreparedData, spec: DatasetSpec, recognised: str, shortcut: Mapping[str, Any]
) -> dict[str, Any]:
    audit = {**data.audit, "shortcut": dict(shortcut)}
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


def _path(data: PreparedData, num_classes: int, cache: Path) -> Path:
    """Where the shortcuts of a data set are kept."""
    key = hashlib.sha256(f"{VERSION}\n{data.pixels.key}\n{num_classes}\n".encode())
    for array in (data.rows, data.labels, data.groups):
        key.update(array.tobytes())
    return files.make_folder(cache / "audits") / f"{key.hexdigest()[:24]}.json"


def _known(path: Path) -> dict[str, Any] | None:
    """Shortcuts that were measured before; None if they were not, or are damaged."""
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if known.keys() >= PARTS:
            caches.note_time(path)
            return known
    except (AttributeError, OSError, ValueError):
        pass
    return None


def _measured(path: Path, data: PreparedData, num_classes: int) -> dict[str, Any]:
    columns = describe_columns(data.pixels.scan, data.rows)
    shortcut = find_shortcuts(columns, data.labels, data.groups, num_classes)
    with suppress(OSError):  # a full disk costs the next audit a few seconds, not this one its end
        files.write_json(path, shortcut)
    return shortcut
