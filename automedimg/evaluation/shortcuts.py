"""How well metadata alone predict the class: what a network may learn instead of anatomy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import DataError
from automedimg.evaluation.bootstrap import Interval, grouped_bootstrap
from automedimg.evaluation.shortcut_folds import deal_folds, groups_per_class, sample_rows
from automedimg.evaluation.shortcut_model import (
    out_of_fold,
    out_of_fold_neighbours,
    ranked_auc,
    ranks,
)
from automedimg.evaluation.shortcut_table import Column, MetadataTable, metadata_table
from automedimg.evaluation.shortcut_words import level_of, verdict_of

MOST_FOLDS = 5
MOST_ROWS = 20_000
"""With two classes; more classes take longer and get less, but `FEWEST_ROWS` at least."""
FEWEST_ROWS = 6_000
CLOSE_ENOUGH = 0.01
"""What a smaller set of columns may lack of the AUC of all."""
MOST_SEARCHED = 18
"""Sets of columns tried in search of a small one; beyond it, steps are smaller."""
MOST_CANDIDATES = 3
"""Columns, the strongest on their own, that such a smaller step tries."""


@dataclass(frozen=True, slots=True)
class _Question:
    """The images looked at, and the deals of folds that every set of columns is judged by."""

    table: MetadataTable
    labels: IntArray
    groups: IntArray
    num_classes: int
    deals: tuple[IntArray, ...]
    seed: int

    def ranked(self, names: Sequence[str], deals: Sequence[IntArray]) -> FloatArray:
        """Ranks of some columns' out-of-fold probabilities, averaged over deals of the folds."""
        places = [self.table.names.index(name) for name in names]
        return ranks(np.mean([self._scores(places, deal) for deal in deals], axis=0))

    def _scores(self, places: Sequence[int], folds: IntArray) -> FloatArray:
        values = self.table.values[:, places]
        if len(places) == 1:
            return out_of_fold_neighbours(values[:, 0], self.labels, folds, self.num_classes)
        return out_of_fold(values, self.labels, folds, self.num_classes, self.trees, self.seed)

    @property
    def trees(self) -> int:
        """Of one model: with more deals of the folds there are more models."""
        return 10 if len(self.deals) > 2 else 25

    def interval(self, names: Sequence[str]) -> Interval:
        """The AUC of some columns with its interval over groups."""
        ranked = self.ranked(names, self.deals)
        # Percentiles of 400 resamples differ by less than a hundredth from those of many.
        resamples = 1000 if ranked.size <= 20_000 else 400
        return grouped_bootstrap(
            {"auc": ranked_auc},
            self.labels,
            ranked,
            self.groups,
            resamples=resamples,
            seed=self.seed,
        )["auc"]

    def quick(self, names: Sequence[str]) -> float:
        """The AUC of some columns; with many images, by the first deal of the folds alone."""
        deals = self.deals if len(self.deals) > 2 else self.deals[:1]
        return ranked_auc(self.labels, self.ranked(names, deals))

    def random(self) -> float | None:
        """The AUC of all columns with images dealt one by one; None if no group has two."""
        each = np.arange(len(self.labels))
        if len(np.unique(self.groups)) == len(each):
            return None
        deal = deal_folds(self.labels, each, MOST_FOLDS, self.seed)
        return ranked_auc(self.labels, self.ranked(self.table.names, [deal]))


def find_shortcuts(
    columns: Mapping[str, Column],
    labels: IntArray,
    groups: IntArray,
    num_classes: int,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Say how well metadata alone predict the class, and which of them do.

    Width, height, compression or a scanner's name that go with the label are a shortcut: what
    a network scores may be theirs. Randomised trees see the metadata and no pixel, and are
    judged as a network should be: on groups they have not seen, in cross-validation stratified by
    class, by AUC (the mean of one-vs-rest for more than two classes), with an interval over
    groups. Single columns are judged by the same folds, each by the classes
    of the images with values nearby.

    Above 20,000 images (fewer with many classes) a sample of whole groups is looked at.

    Args:
        columns: N values each by name: numbers; texts, which are categories; None is missing.
        labels: int array, shape (N,), values in [0, num_classes).
        groups: int array, shape (N,); equal numbers mark images that belong together.
        num_classes: How many classes there are.
        seed: The same seed gives the same result.
    Returns:
        JSON-ready: ``auc`` (value, low, high) of all columns, None where undefined, and ``reason``
        then; ``level`` (strong, clear, weak, none, unknown); ``verdict``, a sentence or some;
        ``columns`` (name, auc, low, high), strongest first; ``carried_by``, a small set of columns
        whose AUC is within 0.01 of all, or as near to it as adding one at a time comes;
        ``constant``, columns that say nothing;
        ``auc_random_split``, what images split one by one would give (None without groups);
        ``folds``, ``images``, ``groups`` looked at; ``sampled_from`` (images, groups) or None.
    Raises:
        DataError: the lengths disagree, a label is out of range, or a value is neither a number
            nor a text.
    Source: Geirhos et al. (2020), Nature Machine Intelligence 2, on shortcut learning.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    _check(columns, labels, groups, num_classes)
    most = max(FEWEST_ROWS, MOST_ROWS * 2 // max(num_classes, 2))
    rows = sample_rows(labels, groups, most, seed)
    seen, inside = labels[rows], groups[rows]
    table = metadata_table(columns, rows, inside)
    facts = {
        "images": len(rows),
        "groups": len(np.unique(inside)),
        "sampled_from": _sizes(groups) if len(rows) < len(labels) else None,
        "constant": list(table.constant),
    }
    spread = groups_per_class(seen, inside, num_classes)
    reason = _why_not(columns, table, spread)
    if reason:
        return _undefined(reason) | facts
    num_folds = min(MOST_FOLDS, int(spread.min()))
    deals = tuple(
        deal_folds(seen, inside, num_folds, seed + turn) for turn in range(_repeats(len(rows)))
    )
    question = _Question(table, seen, inside, num_classes, deals, seed)
    return _answer(question, int(spread.min())) | {"folds": num_folds} | facts


def _answer(question: _Question, fewest_groups: int) -> dict[str, Any]:
    whole = question.interval(question.table.names)
    level = level_of(whole)
    single = {name: question.interval([name]) for name in question.table.names}
    order = sorted(single, key=lambda name: -single[name].value)
    carried_by = [] if level == "none" else _carriers(question, order)
    random_auc = question.random()
    return {
        "auc": whole.to_json(),
        "reason": None,
        "level": level,
        "verdict": verdict_of(whole, carried_by, random_auc, fewest_groups),
        "columns": [_entry(name, single[name]) for name in order],
        "carried_by": carried_by,
        "auc_random_split": random_auc,
    }


def _carriers(question: _Question, order: Sequence[str]) -> list[str]:
    """Add the column that helps most until nothing is missing that would matter."""
    chosen, rest, tried = [order[0]], list(order[1:]), 1
    if not rest:
        return chosen
    enough = question.quick(question.table.names) - CLOSE_ENOUGH
    reached = question.quick(chosen)
    while reached < enough and rest:
        candidates = rest if tried + len(rest) <= MOST_SEARCHED else rest[:MOST_CANDIDATES]
        found = {name: question.quick([*chosen, name]) for name in candidates}
        tried += len(found)
        best = max(found, key=lambda name: found[name])
        if found[best] <= reached:
            break  # with few images the rest is luck
        chosen.append(best)
        rest.remove(best)
        reached = found[best]
    return chosen


def _repeats(num_images: int) -> int:
    """How often folds are dealt anew: with few images the luck of the deal counts most."""
    return 4 if num_images < 500 else 2 if num_images < 5000 else 1


def _entry(name: str, auc: Interval) -> dict[str, Any]:
    ends = auc.to_json()
    return {"name": name, "auc": ends["value"], "low": ends["low"], "high": ends["high"]}


def _sizes(groups: IntArray) -> dict[str, int]:
    return {"images": len(groups), "groups": len(np.unique(groups))}


def _why_not(columns: Mapping[str, Column], table: MetadataTable, spread: IntArray) -> str:
    if not columns:
        return "there are no metadata"
    if not table.names:
        return "all metadata are constant"
    if len(spread) < 2:
        return "there is one class only"
    if spread.min() < 2:
        return (
            f"class number {int(spread.argmin())} has {int(spread.min())} independent group(s) "
            "of images; at least 2 are needed"
        )
    return ""


def _undefined(reason: str) -> dict[str, Any]:
    harmless = "constant" in reason
    verdict = (
        "No shortcut: all metadata are constant and can't tell the classes apart."
        if harmless
        else f"Whether metadata alone predict the class can't be judged: {reason}."
    )
    return {
        "auc": None,
        "reason": reason,
        "level": "none" if harmless else "unknown",
        "verdict": verdict,
        "columns": [],
        "carried_by": [],
        "auc_random_split": None,
        "folds": None,
    }


def _check(
    columns: Mapping[str, Column], labels: IntArray, groups: IntArray, num_classes: int
) -> None:
    if labels.ndim != 1 or not labels.size or groups.shape != labels.shape:
        raise DataError(
            f"labels of shape {labels.shape} and groups of shape {groups.shape} don't go "
            "together; expected (N,) twice, N at least 1"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= num_classes:
        raise DataError(
            f"labels from {labels.min()} to {labels.max()}; expected 0 to {num_classes - 1}"
        )
    for name, column in columns.items():
        if len(column) != len(labels):
            raise DataError(
                f"the metadata column `{name}` has {len(column)} values for {len(labels)} images",
                "give one value an image, None where it is missing",
            )
