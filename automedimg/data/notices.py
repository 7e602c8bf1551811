"""What the user should know of their data before they believe any number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automedimg.contracts import DatasetSpec, Event, Notice

HEAVY_IMBALANCE = 10.0


def tell(
    spec: DatasetSpec, report: Mapping[str, Any], synthetic: bool, listener: Callable[[Event], None]
) -> None:
    """Say once what an audit found that matters.

    Args:
        spec: The task.
        report: The audit.
        synthetic: Whether the images were generated.
        listener: Hears the notices.
    """
    if report["unreadable"]:
        first = report["unreadable"][0]
        number = len(report["unreadable"])
        listener(Notice(f"{number} file(s) set aside, e.g. {first['path']}: {first['reason']}"))
    if report["label_conflicts"]:
        number = len(report["label_conflicts"])
        listener(Notice(f"{number} set(s) of copies carry different labels", important=True))
    for warning in report["warnings"]:
        listener(Notice(f"{warning['images']} image(s): {warning['text']}", important=True))
    if leak := leak_in_words(report["leakage"]):
        listener(Notice(leak, important=True))
    imbalance = report["imbalance"]
    if imbalance["ratio"] >= HEAVY_IMBALANCE:
        listener(
            Notice(
                f"class `{imbalance['largest']}` has {imbalance['ratio']:.0f} times as many images "
                f"as `{imbalance['smallest']}`: the search weighs or resamples classes; accuracy "
                "says little here"
            )
        )
    expected = sum(spec.expected_counts.values())
    if not synthetic and expected and report["images"] < 0.9 * expected:
        listener(Notice(f"{report['images']} images; the complete data set has {expected}"))


def leak_in_words(leakage: Mapping[str, Any]) -> str:
    """One sentence on what a split leaks; empty if it leaks nothing."""
    if not leakage["leaking_images"]:
        return ""
    return (
        f"LEAK: {leakage['leaking_images']} of {leakage['test_images']} test images "
        f"({leakage['percent']:.1f} %) have a copy or the same patient in training or "
        f"validation under the split `{leakage['protocol']}`"
    )
