"""From an audit to its page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from automedimg.report.audit_boxes import boxes
from automedimg.report.audit_figures import (
    audit_splits,
    intensity_rows,
    shortcut_figure,
    size_rows,
    tallies,
)
from automedimg.report.audit_gallery import (
    Pictures,
    blank_set,
    conflict_sets,
    copy_sets,
)
from automedimg.report.format import count, counted, finite, marked, number, percent
from automedimg.report.render import TEMPLATES
from automedimg.version import __version__

MOST_LISTED = 100
"""Of a list of files; the rest is counted."""
OPEN_SETS = 10
"""Sets of copies in plain sight; further ones unfold."""
MOST_KINDS = 8
"""Rows of a small table; the last adds up the rest."""
LONG_HEADLINE = 150
HEAVY_IMBALANCE = 3.0

SHORTCUT_KEYS = (
    *("verdict", "folds", "groups", "images"),
    *("auc_random_split", "sampled_from", "constant"),
)
TABLES = (
    ("Colour modes", "modes"),
    ("File formats", "formats"),
    ("Bits a channel", "bits"),
    ("Compression", "compressions"),
)


def render_audit(audit: Mapping[str, Any], pictures: Pictures) -> str:
    """The audit as HTML; everything that comes from data is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=count, counted=counted, number=number, percent=percent, marked=marked
    )
    styles = [
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "audit.css")
    ]
    page = environment.get_template("audit.html.j2")
    # The style sheets are ours and hold no data; they must not be escaped inside <style>.
    return page.render(style=Markup("".join(styles)), **view(audit, pictures))  # noqa: S704


def view(audit: Mapping[str, Any], pictures: Pictures) -> dict[str, Any]:
    """Everything that the template shows."""
    classes = [str(name) for name in audit.get("classes") or {}]
    headline, rest = split_headline(str(audit.get("headline") or "What is in this data set"))
    named_sizes, common_sizes = size_rows(audit)
    shortcut = audit.get("shortcut") or {}
    return {
        "task": str(audit.get("task") or "data set"),
        "program": __version__,
        "recognised": str(audit.get("recognised") or ""),
        "synthetic": bool(audit.get("synthetic")),
        "headline": headline,
        "headline_rest": rest,
        "known": frozenset(audit),
        "boxes": boxes(audit),
        "facts": _facts(audit),
        "classes": classes,
        "class_rows": tallies(audit.get("classes")),
        "imbalance": _imbalance(audit),
        "sizes": named_sizes,
        "common_sizes": common_sizes,
        "tables": [
            (title, rows) for title, key in TABLES if (rows := tallies(audit.get(key), MOST_KINDS))
        ],
        "intensity": intensity_rows(audit),
        "splits": audit_splits(audit, classes),
        "torn": _torn(audit),
        "shortcut": {key: shortcut.get(key) for key in SHORTCUT_KEYS},
        "shortcut_drawing": shortcut_figure(shortcut),
        "conflicts": conflict_sets(audit, pictures),
        "num_conflicts": len(audit.get("label_conflicts") or ()),
        "copies": copy_sets(audit, pictures),
        "num_exact": len(audit.get("duplicates") or ()),
        "num_near": len(audit.get("near_duplicates") or ()),
        "copies_known": "duplicates" in audit or "near_duplicates" in audit,
        "open_sets": OPEN_SETS,
        "blank": blank_set(audit, pictures),
        "unreadable": list(audit.get("unreadable") or ())[:MOST_LISTED],
        "num_unreadable": len(audit.get("unreadable") or ()),
        "warnings": audit.get("warnings") or (),
    }


def split_headline(text: str) -> tuple[str, list[str]]:
    """The first sentence, and the rest where all of it is too long for a headline.

    Returns:
        The headline, and paragraphs; one begins at each finding, such as ``LEAK:``.
    """
    if len(text) <= LONG_HEADLINE:
        return text, []
    first, dot, rest = text.partition(". ")
    findings = re.split(r"(?<=\.) +(?=[A-Z]{3,}:)", rest.strip())
    return first + dot.strip(), [finding for finding in findings if finding]


def _facts(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The data set in a few numbers."""
    names = {
        "images": "Readable images",
        "groups": "Independent groups of images",
        "images_with_copies": "Images with a copy or near-copy",
        "patients_with_several_labels": "Patients with images of several classes",
    }
    rows = [(text, count(audit[key])) for key, text in names.items() if key in audit]
    if "patients" in audit:
        known = finite(audit["patients"]) is not None
        rows.insert(1, ("Patients", count(audit["patients"]) if known else "not known"))
    return rows


def _imbalance(audit: Mapping[str, Any]) -> str:
    found = audit.get("imbalance") or {}
    ratio = finite(found.get("ratio"))
    if ratio is None:
        return ""
    if ratio < 1.05:
        return "The classes are of equal size."
    text = (
        f"The largest class, “{found.get('largest', '?')}”, has {ratio:.1f} times as many images "
        f"as the smallest, “{found.get('smallest', '?')}”."
    )
    if ratio >= HEAVY_IMBALANCE:
        text += " Accuracy says little here: read sensitivity, specificity and AUC."
    return text


def _torn(audit: Mapping[str, Any]) -> str:
    """How many groups and patients the split tears apart; empty if that is not known."""
    leakage = audit.get("leakage") or {}
    groups, patients = finite(leakage.get("torn_groups")), finite(leakage.get("torn_patients"))
    if groups is None and patients is None:
        return ""
    parts = [counted(groups, "group")] if groups is not None else []
    if patients is not None and finite(audit.get("patients")) is not None:
        parts.append(counted(patients, "patient"))
    if not groups and not patients:
        return "No group is torn apart."
    return f"Torn apart by the split: {' and '.join(parts)}."
