"""What a paper's results mean, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automedimg.report.format import count, finite, interval, number, percent
from automedimg.report.scores import MEANINGS

WAYS = {
    "random": "at random, image by image",
    "patients": "by patients",
    "grouped": "by patients and copies, which does not leak",
}
NOTABLE = 0.02
"""Difference of two scores from which it is put into words as one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The top of a paper's page.

    Args:
        headline: One sentence.
        points: A heading and a sentence or two each.
    """

    headline: str
    points: tuple[tuple[str, str], ...]


def verdict(results: Mapping[str, Any]) -> Verdict:
    """What the paper claims, what comes out under its split, what is left leak-free, and why."""
    arms = results["arms"]
    if not arms:
        return Verdict("Nothing has finished yet: the same command goes on.", ())
    score = _headline_score(results)
    splits = list(dict.fromkeys(arm["split"] for arm in arms))
    leaders = {split: _leader(arms, split, score) for split in splits}
    points = [("The paper", _claim(results))]
    points += [(f"Split {_way(s)}", _under(results, s, leaders[s], score)) for s in splits]
    points += [
        ("The difference", _difference(results, splits, leaders, score)),
        ("Between models", _between(results)),
        ("Reduced", _reduced(results)),
        ("Void", _void(results)),
        ("Failed", "; ".join(f"{run}: {why}" for run, why in results["failed"].items())),
        ("Test sides", _openings(results)),
    ]
    headline = _headline(results, splits, leaders, score)
    return Verdict(headline, tuple(point for point in points if point[1]))


def label_of(score: str) -> str:
    """How a score is written."""
    return MEANINGS[score][0] if score in MEANINGS else score.replace("_", " ")


def leak_percent(results: Mapping[str, Any], split: str, side: str = "test") -> float | None:
    """Share of a side's images that have a relative on another side, the worst of the folds."""
    shares = [
        100.0 * told[f"leaking_{side}"] / told[side]
        for told in results["splits"].values()
        if told["protocol"] == split and told[side]
    ]
    return max(shares, default=None)


def _headline_score(results: Mapping[str, Any]) -> str:
    """Accuracy or AUC if the paper publishes them, else what it publishes or the tables show."""
    published = [figure["score"] for figure in results["figures"] if figure["ours"]]
    known = [name for name in ("accuracy", "auc", *published) if name in published]
    known = [name for name in known if name in results["scores"]]
    return str((known or results["scores"])[0])


def _way(split: str) -> str:
    return WAYS.get(split, split)


def _value(arm: Mapping[str, Any], score: str) -> float | None:
    return finite((arm["test"].get(score) or {}).get("mean"))


def _leader(arms: Any, split: str, score: str) -> Mapping[str, Any] | None:
    """The arm that did best on the validation side: never chosen by a test score."""
    found = [arm for arm in arms if arm["split"] == split and arm["best"]]

    def on_validation(arm: Mapping[str, Any]) -> float:
        value = finite((arm["validation"].get(score) or {}).get("mean"))
        sign = -1.0 if score in ("log_loss", "brier", "ece") else 1.0
        return float("-inf") if value is None else sign * value

    return max(found, key=on_validation, default=None)


def _scored(arm: Mapping[str, Any], score: str) -> str:
    spread = arm["test"].get(score) or {}
    text = f"{label_of(score)} {number(spread.get('mean'))}"
    known = finite(spread.get("low")) is not None
    return text + (f" ({interval(spread['low'], spread['high'])})" if known else "")


def _headline(
    results: Mapping[str, Any], splits: list[str], leaders: Mapping[str, Any], score: str
) -> str:
    told = [
        f"{_scored(leader, score)} when split {_way(split)}"
        for split in splits
        if (leader := leaders[split]) is not None
    ]
    start = "On synthetic images" if results["synthetic"] else "On the test images"
    return f"{start}, the best model has {'; '.join(told)}."


def _claim(results: Mapping[str, Any]) -> str:
    figures = [
        f"{figure['model']} {label_of(figure['score'])} {_as_published(figure['value'])}"
        for figure in results["figures"][:6]
    ]
    listed = f" It publishes: {'; '.join(figures)}." if figures else ""
    return f"{results['claim']}{listed}"


def _as_published(value: float) -> str:
    return f"{value:g}"


def _under(
    results: Mapping[str, Any], split: str, leader: Mapping[str, Any] | None, score: str
) -> str:
    leak = leak_percent(results, split)
    said = ""
    if leak is not None:
        said = (
            f"{percent(leak)} of the test images have a copy, or another image of the patient, in "
            "training or validation. "
            if leak
            else "No test image has a copy or a sibling in training or validation. "
        )
    if leader is None:
        return said + "No model has finished."
    names = [score, *[name for name in results["scores"] if name != score]]
    scores = ", ".join(_scored(leader, name) for name in names if leader["test"].get(name))
    return f"{said}Best on validation: {leader['label']}, with {scores} on the test images."


def _difference(
    results: Mapping[str, Any], splits: list[str], leaders: Mapping[str, Any], score: str
) -> str:
    if len(splits) < 2 or leaders[splits[0]] is None or leaders[splits[-1]] is None:
        return ""
    before, after = (_value(leaders[split], score) for split in (splits[0], splits[-1]))
    leak = leak_percent(results, splits[0])
    if before is None or after is None:
        return ""
    gap = before - after
    if score in ("log_loss", "brier", "ece"):
        gap = -gap
    name, size = label_of(score), number(abs(gap))
    if not leak:
        return (
            f"The paper's split does not leak here, and the two differ by {size} in {name}: other "
            "images are in the test side."
        )
    leaks = f"{percent(leak)} of the test images under the paper's split are relatives"
    if gap >= NOTABLE:
        return (
            f"{name} is worse by {size} without relatives in the test side. {leaks} of images that "
            "the model learned from: that part of the paper's figure is memory, not skill."
        )
    if gap <= -NOTABLE:
        return (
            f"{name} is better by {size} leak-free, although {leaks}: the leak is not what tells."
        )
    return (
        f"{name} differs by {size} only, although {leaks}: this figure does not rest on the leak, "
        "or is too near its ceiling to show it. The leak-free interval is the honest one."
    )


def _between(results: Mapping[str, Any]) -> str:
    said = []
    for told in results["comparisons"]:
        pair = f"{' against '.join(told['labels'])} ({told['split']})"
        plain, corrected = told["t_test"], told["corrected_t_test"]
        if plain and plain["t"] is not None:
            said.append(
                f"{pair}: paired t = {number(plain['t'])} (p = {number(plain['p'])}), corrected "
                f"for shared data t = {number(corrected['t'])} (p = {number(corrected['p'])})"
            )
        found = told["mcnemar_groups"]
        said.append(
            f"{pair}: {count(found['first_only'])} groups of test images are right for the first "
            f"only, {count(found['second_only'])} for the second only (exact p = "
            f"{number(found['p'])})"
        )
    return ". ".join(said) + "." if said else ""


def _reduced(results: Mapping[str, Any]) -> str:
    if not results["reductions"]:
        return ""
    listed = "; ".join(results["reductions"])
    return f"This is not the paper's whole protocol: {listed}. Its figures can't be expected."


def _void(results: Mapping[str, Any]) -> str:
    if not results["void"]:
        return ""
    reasons = "; ".join(dict.fromkeys(results["void"].values()))
    named = ", ".join(results["void"])
    return f"The comparison with the paper is void for {named}: {reasons}."


def _openings(results: Mapping[str, Any]) -> str:
    runs = results["runs"]
    return (
        f"{count(runs['finished'])} of {count(runs['planned'])} runs have finished. Each opened "
        "its test side after its own selection; all runs of a split share that side, and nothing "
        "was chosen by it."
    )
