"""What the audit found in the images, and how they were split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automedimg.report.files import RunFiles
from automedimg.report.format import MISSING, count, counted, finite

SPLITS = ("train", "validation", "test")
MOST_SHOWN = 12
"""Of any list of files; the rest is in ``audit.json``."""


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One split: its images and groups, and its images per class."""

    name: str
    images: str
    groups: str
    classes: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Finding:
    """A kind of thing that the audit looks for, and the files it found.

    Args:
        name: What it is.
        summary: How often it was found.
        meaning: What was done about it.
        items: A few examples.
        num_more: How many further items there are.
        serious: Whether it deserves the reader's attention.
    """

    name: str
    summary: str
    meaning: str
    items: tuple[str, ...]
    num_more: int
    serious: bool


def split_rows(files: RunFiles) -> list[SplitRow]:
    """The splits, from the audit or, where it is missing, from ``splits.csv``."""
    splits: Mapping[str, Any] = files.audit.get("splits") or {
        name: {"images": sum(labels.values()), "classes": labels}
        for name, labels in files.split_counts.items()
    }
    total = sum(finite(split.get("images")) or 0.0 for split in splits.values())
    known = [name for name in SPLITS if name in splits]
    return [_split(name, splits[name], files.classes, total) for name in known]


def _split(name: str, split: Mapping[str, Any], classes: Sequence[str], total: float) -> SplitRow:
    images = finite(split.get("images"))
    per_class = split.get("classes") or {}
    return SplitRow(
        name=name,
        images=count(images),
        groups=count(split.get("groups")),
        classes=tuple(count(per_class.get(label)) for label in classes),
        share=(images or 0.0) / total if total else 0.0,
    )


def facts(files: RunFiles) -> list[tuple[str, str]]:
    """The data set in a few numbers."""
    audit = files.audit
    rows = [("Images", count(audit.get("images")))] if "images" in audit else []
    per_class = audit.get("classes") or {}
    if per_class:
        named = ", ".join(f"{name} {count(number)}" for name, number in per_class.items())
        rows.append(("Images per class", named))
    if "patients" in audit:
        known = finite(audit["patients"]) is not None
        rows.append(("Patients", count(audit["patients"]) if known else "not known"))
    if "groups" in audit:
        rows.append(("Groups that no split tears apart", count(audit["groups"])))
    if "images_with_copies" in audit:
        rows.append(("Images with a copy or near-copy", count(audit["images_with_copies"])))
    return [row for row in rows if row[1] != MISSING]


def findings(files: RunFiles) -> list[Finding]:
    """What the audit found; empty if there was none."""
    audit = files.audit
    if not audit:
        return []
    return [
        _unreadable(audit.get("unreadable") or []),
        _sets("Label conflicts", audit.get("label_conflicts") or [], CONFLICT, serious=True),
        _sets("Identical copies", audit.get("duplicates") or [], COPY),
        _sets("Near-copies", audit.get("near_duplicates") or [], COPY),
    ]


CONFLICT = "Copies of one image under different labels: at least one of these labels is wrong."
COPY = "Each set is one group; under the protocol “grouped” no split tears it apart."


def _unreadable(entries: Sequence[Mapping[str, Any]]) -> Finding:
    items = [f"{entry.get('path', '?')}: {entry.get('reason', '?')}" for entry in entries]
    summary = counted(len(items), "image") if items else "none"
    return _finding("Unreadable", summary, "Left out of every split.", items, bool(items))


def _sets(
    name: str, sets: Sequence[Sequence[str]], meaning: str, *, serious: bool = False
) -> Finding:
    items = [" = ".join(str(path) for path in paths) for paths in sets]
    images = sum(len(paths) for paths in sets)
    summary = f"{counted(len(items), 'set')}, {counted(images, 'image')}" if items else "none"
    return _finding(name, summary, meaning, items, serious and bool(items))


def _finding(name: str, summary: str, meaning: str, items: Sequence[str], serious: bool) -> Finding:
    shown = tuple(items[:MOST_SHOWN])
    text = meaning if items else ""
    return Finding(name, summary, text, shown, len(items) - len(shown), serious)
