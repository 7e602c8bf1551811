"""The audit's verdicts: one box for each thing that can be wrong with a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automedimg.report.format import count, counted, finite, interval, number, percent

PRIVACY_CODES = ("burned-in", "secondary-capture")
ALARMING = ("strong", "clear")


@dataclass(frozen=True, slots=True)
class Box:
    """A verdict.

    Args:
        name: What was looked for.
        state: ``good``, ``bad``, ``mild`` or ``unknown``.
        value: The finding in a word or a number.
        text: What it means.
        link: Id of the section that shows more; empty if there is none.
    """

    name: str
    state: str
    value: str
    text: str
    link: str = ""


def boxes(audit: Mapping[str, Any]) -> list[Box]:
    """Every verdict, in a fixed order."""
    return [_leak(audit), _shortcut(audit), _conflicts(audit), _unreadable(audit), _privacy(audit)]


def privacy_warnings(audit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Warnings that images may show who the patient is."""
    found: Sequence[Mapping[str, Any]] = audit.get("warnings") or ()
    return [
        warning
        for warning in found
        if warning.get("code") in PRIVACY_CODES or str(warning.get("code")).startswith("phi")
    ]


def _leak(audit: Mapping[str, Any]) -> Box:
    name, leakage = "Leakage", audit.get("leakage") or {}
    leaking = finite(leakage.get("leaking_images"))
    if leaking is None:
        return Box(name, "unknown", "not known", "The data were not split.")
    total, protocol = leakage.get("test_images"), leakage.get("protocol", "?")
    if not leaking:
        text = (
            f"No test image has a copy or its patient in training or validation "
            f"under the split “{protocol}”."
        )
        return Box(name, "good", "none", text, "splits")
    text = (
        f"{count(leaking)} of {counted(total, 'test image')} have a copy or their patient in "
        f"training or validation under the split “{protocol}”: a score measures memory."
    )
    return Box(name, "bad", percent(leakage.get("percent")), text, "splits")


def _shortcut(audit: Mapping[str, Any]) -> Box:
    name, shortcut = "Shortcut", audit.get("shortcut") or {}
    auc = shortcut.get("auc") or {}
    if finite(auc.get("value")) is None:
        harmless = shortcut.get("level") == "none"
        text = shortcut.get("verdict") or "Not measured."
        state, value = ("good", "none") if harmless else ("unknown", "not known")
        return Box(name, state, value, text, "shortcut")
    level = shortcut.get("level")
    state = "bad" if level in ALARMING else "mild" if level == "weak" else "good"
    ends = interval(auc.get("low"), auc.get("high"))
    known = f"95 % interval {ends}" if finite(auc.get("low")) is not None else "no interval"
    carried = ", ".join(str(column) for column in (shortcut.get("carried_by") or ())[:4])
    text = f"AUC of metadata alone, {known}; 0.5 is chance."
    text += f" Carried by {carried}." if carried else ""
    return Box(name, state, number(auc["value"]), text, "shortcut")


def _conflicts(audit: Mapping[str, Any]) -> Box:
    name = "Label conflicts"
    if "label_conflicts" not in audit:
        return Box(name, "unknown", "not known", "Copies were not looked for.")
    sets = audit["label_conflicts"] or ()
    patients = finite(audit.get("patients_with_several_labels")) or 0
    # Slices with and without a tumour are no contradiction: patients are mentioned, not accused.
    rest = f" {counted(patients, 'patient')} with images of several classes." if patients else ""
    if not sets:
        return Box(name, "good", "none", "No copies carry different labels." + rest)
    text = "Copies of one image under different labels: at least one label of each set is wrong."
    return Box(name, "bad", counted(len(sets), "set"), text + rest, "conflicts")


def _unreadable(audit: Mapping[str, Any]) -> Box:
    name = "Unreadable"
    if "unreadable" not in audit:
        return Box(name, "unknown", "not known", "")
    files, blank = audit["unreadable"] or (), audit.get("blank") or ()
    also = f" {counted(len(blank), 'readable image')} blank." if blank else ""
    if not files:
        state = "mild" if blank else "good"
        return Box(
            name, state, "none", "Every file could be read." + also, "blank" if blank else ""
        )
    text = "Set aside with a reason and left out of every split." + also
    return Box(name, "mild", counted(len(files), "file"), text, "unreadable")


def _privacy(audit: Mapping[str, Any]) -> Box:
    name = "Privacy"
    if "warnings" not in audit:
        return Box(name, "unknown", "not known", "")
    found = privacy_warnings(audit)
    if not found:
        text = "No file says that its pixels may show a name. Text in the pixels is not read."
        return Box(name, "good", "no warning", text)
    images = max(finite(warning.get("images")) or 0 for warning in found)
    text = " ".join(f"{count(w.get('images'))}: {w.get('text', w.get('code'))}." for w in found)
    return Box(name, "bad", counted(images, "image"), text, "warnings")
