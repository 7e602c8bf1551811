"""The verdict, and what weakens it, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automedimg.report.files import RunFiles
from automedimg.report.format import count, counted, finite, interval, moment, number, percent
from automedimg.report.scores import score_label

TRAINED = {
    "frozen": "used as a fixed feature extractor: only the head was fitted",
    "finetune": "fine-tuned from pretrained weights",
    "scratch": "trained from scratch",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The top of the report.

    Args:
        headline: One sentence.
        details: What stands behind it: a heading and a few sentences each.
        settled: Whether it judges a model; False while there is no verdict yet.
    """

    headline: str
    details: tuple[tuple[str, str], ...]
    settled: bool


def verdict(files: RunFiles) -> Verdict:
    """Say what the search found, or that it has found nothing yet."""
    if not files.has_verdict:
        return _open_verdict(files)
    details = [
        ("Network", _network(files)),
        ("In images", _meaning(files)),
        ("Test set", _groups(files)),
        ("Opened", opening(files)),
        ("Shortcuts", _shortcut(files)),
    ]
    return Verdict(_headline(files), tuple(pair for pair in details if pair[1]), True)


def headline_metric(files: RunFiles) -> str:
    """The score that the headline quotes: AUC where there is one, or what selected."""
    test = (files.result or {}).get("test") or {}
    wanted = ("auc", str(files.run.get("metric")), "accuracy", *test)
    return next((name for name in wanted if _entry(test, name).get("value") is not None), "")


def _entry(test: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    entry = test.get(name)
    return entry if isinstance(entry, Mapping) else {"value": entry}


def _headline(files: RunFiles) -> str:
    result = files.result or {}
    images = counted(result.get("test_images"), "image")
    leaking = leaking_images(files)
    if files.run.get("synthetic"):
        seen = f"On {images} made by a program"
    elif leaking:
        verb = "has a copy or a sibling" if leaking == 1 else "have a copy or a sibling"
        seen = f"On {images}, {count(leaking)} of which {verb} outside the test split"
    elif leaking is None:
        seen = f"On {images} of the test split"
    else:
        seen = f"On {images} unrelated to any it had seen"
    name = headline_metric(files)
    entry = _entry(result["test"], name)
    leak_free = "" if leaking != 0 or files.run.get("synthetic") else "leak-free "
    score = f"{leak_free}test {score_label(name, files)} of {number(entry.get('value'))}"
    if finite(entry.get("low")) is not None and finite(entry.get("high")) is not None:
        score += f" (95 % interval {interval(entry['low'], entry['high'])})"
    article = "a" if name else "no"
    return f"{seen}, the best model {_task(files)} with {article} {score if name else 'score'}."


def _task(files: RunFiles) -> str:
    if len(files.classes) == 2:
        negative, positive = files.classes[1 - files.positive], files.classes[files.positive]
        return f"tells “{positive}” from “{negative}”"
    return f"tells {len(files.classes)} classes apart"


def _network(files: RunFiles) -> str:
    best = (files.result or {}).get("best") or {}
    params = best.get("params") or {}
    backbone, head = params.get("backbone", "a network"), params.get("head")
    train = str(params.get("train", ""))
    text = str(backbone) + (f" with the head {head}" if head else "")
    text += f", {TRAINED.get(train, train)}" if train else ""
    origin = f"; trial {best.get('trial')} of {len(files.trials)}"
    epoch = f", epoch {best['epoch']}" if best.get("epoch") else ""
    return text + origin + epoch + ", selected on the validation split alone."


def _groups(files: RunFiles) -> str:
    result = files.result or {}
    if finite(result.get("test_groups")) is None:
        return ""
    images = counted(result.get("test_images"), "image")
    groups = counted(result.get("test_groups"), "group")
    known = finite(files.audit.get("patients")) is not None
    what = "a patient's images and all their copies" if known else "an image and all its copies"
    return (
        f"{images} in {groups}, a group being {what}. "
        "The interval comes from redrawing groups, not images, so copies do not narrow it."
    )


def _shortcut(files: RunFiles) -> str:
    """How well metadata alone predict the class: what the score has to be compared with."""
    return str((files.audit.get("shortcut") or {}).get("verdict") or "")


def opening(files: RunFiles) -> str:
    """When the test split was opened, for which trial, and what more than one opening means."""
    opened = (files.result or {}).get("test_openings") or []
    if not opened:
        return "When the test set was opened is not on record." if files.has_verdict else ""
    first = opened[0]
    if len(opened) == 1:
        return (
            f"The test set was opened once, at {moment(first.get('at'))}, after selection, "
            f"for trial {first.get('trial')}."
        )
    times = "; ".join(f"{moment(one.get('at'))} for trial {one.get('trial')}" for one in opened)
    return (
        f"The test set was opened {len(opened)} times: {times}. Whoever has seen a test result "
        "can choose by it, knowingly or not: only the first opening is an unbiased measurement, "
        "and later figures may flatter the model."
    )


def _meaning(files: RunFiles) -> str:
    """The same in images, for readers who don't think in rates."""
    matrix = (files.result or {}).get("confusion") or []
    if len(files.classes) != 2 or [len(row) for row in matrix] != [2, 2]:
        return ""
    positive, negative = files.positive, 1 - files.positive
    found, cleared = matrix[positive][positive], matrix[negative][negative]
    return (
        f"It found {count(found)} of {count(sum(matrix[positive]))} "
        f"“{files.classes[positive]}” and cleared {count(cleared)} of "
        f"{count(sum(matrix[negative]))} “{files.classes[negative]}”."
    )


def _open_verdict(files: RunFiles) -> Verdict:
    complete = sum(trial.state == "complete" for trial in files.trials)
    ended = counted(len(files.trials), "trial")
    if files.trials and not complete:
        headline = f"No verdict: none of {ended} gave a usable model so far."
        return Verdict(headline, (("Reasons", "are in the table of trials."),), False)
    headline = "No verdict yet: the search has not finished, and the test set is unopened."
    if files.result or files.test:
        headline = "No verdict yet: the run holds no complete test result."
    if not files.trials:
        return Verdict(headline, (("So far", "no trial has ended."),), False)
    lead = files.best
    metric = score_label(str(files.run.get("metric")), files)
    details = [("So far", f"{ended} ended, {complete} of them complete.")]
    if lead is not None:
        leads = f"Trial {lead.number} leads with {metric} {number(lead.value)} on the validation "
        guide = "split. That is what guides the search, not a measurement of the model."
        details.append(("Leading", leads + guide))
    return Verdict(headline, tuple(details), False)


def leaking_images(files: RunFiles) -> int | None:
    """How many test images have a relative outside the test split; None if unknown."""
    leaking = finite((files.audit.get("leakage") or {}).get("leaking_images"))
    return None if leaking is None else int(leaking)


def leak_warning(files: RunFiles) -> str:
    """What the split leaks and what that means; empty unless it leaks."""
    if not leaking_images(files):
        return ""
    meaning = "The test figures below measure memory as well as skill."
    return f"{leak_statement(files)} {meaning}".strip()


def leak_statement(files: RunFiles) -> str:
    """What the split leaks, with the numbers; empty if the audit is missing."""
    leakage = files.audit.get("leakage") or {}
    leaking, images = leaking_images(files), finite(leakage.get("test_images"))
    if leaking is None or images is None:
        return ""
    if not leaking:
        return (
            f"None of the {count(images)} test images has a copy of itself, or another image of "
            "the same patient where patients are known, in the training or validation split."
        )
    given = finite(leakage.get("percent"))
    share = percent(given if given is not None else 100 * leaking / max(images, 1))
    verb, own = ("has", "itself") if leaking == 1 else ("have", "themselves")
    return (
        f"{count(leaking)} of {count(images)} test images ({share}) {verb} a copy of {own}, or "
        "another image of the same patient, in the training or validation split."
    )
