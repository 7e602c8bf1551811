"""An audit in the terminal: the worst first, then what there is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

INDENT = 12

SHOWN = 5
"""Files or columns that are named of a long list."""


def show_audit(console: Console, audit: Mapping[str, Any]) -> None:
    """Print an audit, its headline on the first line."""
    console.print(f"[bold]{escape(audit['headline'])}[/]", soft_wrap=True)
    if audit["synthetic"]:
        console.print("[loud]SYNTHETIC images.[/]")
    for name, text in [*_contents(audit), *_copies(audit), *_split(audit), *_shortcut(audit)]:
        lines = textwrap.wrap(text, max(20, console.width - INDENT), break_on_hyphens=False)
        for number, line in enumerate(lines):
            label = name if number == 0 else ""
            console.print(f"[dim]{label:<{INDENT}}[/]{escape(line)}", soft_wrap=True)


def _contents(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes, intensity = audit["sizes"], audit["intensity"]
    smallest, median, largest = (
        "x".join(str(side) for side in sizes[name]) for name in ("smallest", "median", "largest")
    )
    span = smallest if sizes["distinct"] == 1 else f"{smallest} to {largest}, median {median}"
    low, high = intensity["stored"]
    unreadable = [f"{file['path']}: {file['reason']}" for file in audit["unreadable"]]
    imbalance = audit["imbalance"]
    return [
        ("images", f"{audit['images']}: {_counts(audit['classes'])}"),
        ("imbalance", f"{imbalance['ratio']:.1f} to 1" if imbalance["ratio"] >= 1.5 else ""),
        ("sizes", f"{span} pixels ({sizes['distinct']} different)"),
        ("modes", f"{_counts(audit['modes'])}; bits {_counts(audit['bits'])}"),
        ("formats", _counts(audit["formats"])),
        ("values", f"{low:g} to {high:g} as stored; mean grey {intensity['mean']:.0f} of 255"),
        ("patients", _patients(audit)),
        ("blank", _named(audit["blank"])),
        ("set aside", _named(unreadable)),
        *(("warning", f"{w['images']} image(s): {w['text']}") for w in audit["warnings"]),
    ]


def _patients(audit: Mapping[str, Any]) -> str:
    if audit["patients"] is None:
        return ""
    several = audit["patients_with_several_labels"]
    return f"{audit['patients']}" + (f", {several} with images of several classes" * bool(several))


def _copies(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    conflicts = [" = ".join(same) for same in audit["label_conflicts"]]
    return [
        (
            "copies",
            f"{audit['images_with_copies']} images have one ({len(audit['duplicates'])} sets of "
            f"equal images, {len(audit['near_duplicates'])} of near-copies); "
            f"{audit['groups']} independent groups",
        ),
        ("conflicts", _named(conflicts)),
    ]


def _split(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    leakage = audit["leakage"]
    sides = "; ".join(
        f"{name} {side['images']} images in {side['groups']} groups"
        for name, side in audit["splits"].items()
    )
    return [
        ("split", f"{leakage['protocol']}: {sides}"),
        (
            "leakage",
            f"{leakage['leaking_images']} of {leakage['test_images']} test images "
            f"({leakage['percent']:.1f} %); {leakage['torn_groups']} groups and "
            f"{leakage['torn_patients']} patients on more than one side",
        ),
    ]


def _shortcut(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    shortcut = audit["shortcut"]
    auc = shortcut["auc"]
    if auc["value"] is None:
        return [("shortcut", str(shortcut["verdict"]))]
    columns = ", ".join(
        f"{column['name']} {column['auc']:.3f}"
        for column in shortcut["columns"][:SHOWN]
        if column["auc"] is not None
    )
    interval = f" ({auc['low']:.3f}-{auc['high']:.3f})" if auc["low"] is not None else ""
    return [
        ("shortcut", f"metadata alone: AUC {auc['value']:.3f}{interval}"),
        ("by column", columns),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    shown = list(counts.items())[: 2 * SHOWN]
    more = f", and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
    return ", ".join(f"{name} {number}" for name, number in shown) + more


def _named(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)}: " + ", ".join(names[:SHOWN]) + more
