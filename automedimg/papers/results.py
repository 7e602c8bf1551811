"""A paper's runs put together: scores by model, ensembles, comparisons, the published figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automedimg.contracts import FloatArray, Metric
from automedimg.evaluation.bootstrap import Interval
from automedimg.evaluation.comparison import (
    corrected_t_test,
    difference_intervals,
    mcnemar_exact,
    mean_intervals,
    mean_of_probabilities,
    paired_t_test,
    spread_of,
)
from automedimg.evaluation.confusion import confusion_matrix
from automedimg.evaluation.per_class import per_class_scores
from automedimg.papers.outcomes import Outcome
from automedimg.papers.plan import Arm, Plan
from automedimg.papers.protocol import Comparison, Ensemble, Figure
from automedimg.registry import Catalog

ALWAYS = ("accuracy", "auc")
BEST = "best"
FEW = 200
"""Resamples where the images are synthetic: their intervals mean nothing, and are to be quick."""

SIDES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Group:
    """The fold models of one arm under one split.

    Args:
        protocol: How it is split.
        arm: What was trained.
        folds: One outcome a fold, in order.
    """

    protocol: str
    arm: Arm
    folds: tuple[Outcome, ...]

    @property
    def pooled(self) -> FloatArray:
        """Test probabilities, the mean of the fold models': float64 (N, K)."""
        return mean_of_probabilities([fold.test.y_prob for fold in self.folds])


class Results:
    """Puts the finished runs of a plan together.

    Args:
        plan: What was to be done.
        outcomes: What is.
        splits: What ``splits.json`` says.
        void: Arms whose comparison with the paper means nothing, with the reason.
        failed: Runs without a model, by folder, with the reason.
        catalog: Where metrics come from.
        seed: Of the intervals.
    """

    def __init__(
        self,
        plan: Plan,
        outcomes: Sequence[Outcome],
        splits: Mapping[str, Any],
        void: Mapping[str, str],
        failed: Mapping[str, str],
        catalog: Catalog,
        seed: int = 0,
    ) -> None:
        self.plan, self.outcomes, self.splits = plan, outcomes, splits
        self.void, self.failed, self._seed = void, failed, seed
        self._catalog = catalog
        self._metrics: dict[str, Metric] = catalog.metrics.make_all()
        wanted = dict.fromkeys((*plan.protocol.scores, *ALWAYS))
        self.names = tuple(name for name in wanted if name in self._metrics)
        self.groups = tuple(_grouped(outcomes))
        self._resamples = FEW if plan.sample else None

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON types: what ``results.json`` holds."""
        protocol, first = self.plan.protocol, next(iter(self.outcomes), None)
        arms = [self._arm(group) for group in self.groups]
        ensembles = [
            told
            for split in self.plan.protocols
            for each in protocol.ensembles
            if (told := self._ensemble(split, each)) is not None
        ]
        return {
            "paper": protocol.name,
            "title": protocol.title,
            "task": protocol.task,
            "claim": protocol.claim,
            "synthetic": bool(first and first.result["synthetic"]),
            "reductions": list(self.plan.reductions),
            "void": dict(self.void),
            "failed": dict(self.failed),
            "runs": {"planned": len(list(self.plan.jobs())), "finished": len(self.outcomes)},
            "classes": list(first.classes) if first else [],
            "positive": first.positive if first else None,
            "scores": list(self.names),
            "splits": dict(self.splits),
            "arms": arms,
            "ensembles": ensembles,
            "comparisons": [
                told
                for split in self.plan.protocols
                for each in protocol.comparisons
                if (told := self._compare(split, each)) is not None
            ],
            "figures": [self._figure(figure, arms, ensembles) for figure in protocol.figures],
        }

    def group(self, split: str, model: str) -> Group | None:
        """The arm of a model under a split; of several, the best on the validation side."""
        found = [g for g in self.groups if g.protocol == split and g.arm.model.name == model]
        return max(found, key=self._on_validation, default=None)

    def _on_validation(self, group: Group) -> float:
        name = group.arm.settings.metric or "auc"
        sign = -1.0 if self._catalog.metrics.get(name).direction == "minimize" else 1.0
        values = [fold.validation.scores.get(name) for fold in group.folds]
        known = [value for value in values if value is not None]
        return sign * sum(known) / len(known) if known else float("-inf")

    def _arm(self, group: Group) -> dict[str, Any]:
        first, arm = group.folds[0], group.arm
        best = self.group(group.protocol, arm.model.name)
        sides = {side: self._spreads(group, side) for side in SIDES}
        intervals = self._intervals(group)
        for name, spread in sides["test"].items():
            spread |= intervals[name].to_json() if name in intervals else {}
        confusion = confusion_matrix(first.test.y_true, group.pooled, len(first.classes))
        return {
            "split": group.protocol,
            "arm": arm.name,
            "model": arm.model.name,
            "label": arm.label,
            "steps": arm.step_labels,
            "best": best is not None and best.arm is arm,
            "void": self.void.get(arm.name, ""),
            "folds": [self._fold(fold) for fold in group.folds],
            **sides,
            "confusion": confusion.tolist(),
            "per_class": [row.to_json() for row in per_class_scores(confusion, first.classes)],
            "parameters": first.insight.get("parameters"),
            "trainable_parameters": first.insight.get("trainable_parameters"),
            "published_parameters": arm.model.parameters,
            "published_trainable_parameters": arm.model.trainable_parameters,
            "predict_s": _mean(fold.insight.get("predict_s") for fold in group.folds),
            "seconds": round(sum(fold.seconds for fold in group.folds), 1),
        }

    def _fold(self, fold: Outcome) -> dict[str, Any]:
        return {
            "fold": fold.job.fold,
            "run": fold.job.folder,
            "trials": fold.trials,
            "epoch": fold.best["epoch"],
            "epochs": len(fold.history),
            "params": dict(fold.best["params"]),
            "seconds": fold.seconds,
            "stopped_because": fold.result["stopped_because"],
            "validation": {n: fold.validation.scores.get(n) for n in self.names},
            "test": {n: fold.test.scores.get(n) for n in self.names},
        }

    def _spreads(self, group: Group, side: str) -> dict[str, dict[str, Any]]:
        found = {}
        for name in self.names:
            values = [v for fold in group.folds if (v := fold.side(side).get(name)) is not None]
            if len(values) == len(group.folds):
                found[name] = spread_of(values).to_json()
        return found

    def _intervals(self, group: Group) -> dict[str, Interval]:
        test = group.folds[0].test
        probabilities = [fold.test.y_prob for fold in group.folds]
        return mean_intervals(
            {name: self._metrics[name] for name in self.names},
            test.y_true,
            probabilities,
            test.groups,
            resamples=self._resamples,
            seed=self._seed,
        )

    def _ensemble(self, split: str, ensemble: Ensemble) -> dict[str, Any] | None:
        """The mean of its models' probabilities; None unless all of them are there."""
        members = [self.group(split, model) for model in ensemble.models]
        there = [member for member in members if member is not None]
        if len(there) < len(members):
            return None
        test = there[0].folds[0].test
        scores = mean_intervals(
            {name: self._metrics[name] for name in self.names},
            test.y_true,
            [mean_of_probabilities([member.pooled for member in there])],
            test.groups,
            resamples=self._resamples,
            seed=self._seed,
        )
        return {
            "split": split,
            "ensemble": ensemble.name,
            "label": ensemble.label,
            "models": list(ensemble.models),
            "void": "; ".join(
                dict.fromkeys(self.void[m.arm.name] for m in there if m.arm.name in self.void)
            ),
            "test": {name: {"mean": i.value} | i.to_json() for name, i in scores.items()},
        }

    def _compare(self, split: str, asked: Comparison) -> dict[str, Any] | None:
        """Tests of two models under a split; None unless both are there."""
        first, second = self.group(split, asked.first), self.group(split, asked.second)
        if first is None or second is None or not _same_test(first, second):
            return None
        test = first.folds[0].test
        names = dict.fromkeys((asked.score, *ALWAYS))
        differences = difference_intervals(
            {name: self._metrics[name] for name in names if name in self._metrics},
            test.y_true,
            [fold.test.y_prob for fold in first.folds],
            [fold.test.y_prob for fold in second.folds],
            test.groups,
            resamples=self._resamples,
            seed=self._seed,
        )
        return {
            "split": split,
            "first": asked.first,
            "second": asked.second,
            "labels": [first.arm.label, second.arm.label],
            "score": asked.score,
            "void": self.void.get(first.arm.name) or self.void.get(second.arm.name) or "",
            **self._over_folds(first, second, asked.score),
            "mcnemar": mcnemar_exact(test.y_true, first.pooled, second.pooled).to_json(),
            "mcnemar_groups": mcnemar_exact(
                test.y_true, first.pooled, second.pooled, test.groups
            ).to_json(),
            "differences": {name: found.to_json() for name, found in differences.items()},
        }

    def _over_folds(self, first: Group, second: Group, score: str) -> dict[str, Any]:
        """Both t-tests over the validation folds; None where there are none."""
        one = [fold.validation.scores.get(score) for fold in first.folds]
        two = [fold.validation.scores.get(score) for fold in second.folds]
        known = [(a, b) for a, b in zip(one, two, strict=False) if a is not None and b is not None]
        if len(known) < 2 or len(known) < len(first.folds):
            return {"t_test": None, "corrected_t_test": None}
        ratios = [self._ratio(fold) for fold in first.folds]
        pairs = [a for a, _ in known], [b for _, b in known]
        return {
            "t_test": paired_t_test(*pairs).to_json(),
            "corrected_t_test": corrected_t_test(*pairs, sum(ratios) / len(ratios)).to_json(),
        }

    def _ratio(self, fold: Outcome) -> float:
        told = self.splits[fold.job.split]
        return float(told["validation"]) / float(told["train"])

    def _figure(
        self,
        figure: Figure,
        arms: Sequence[Mapping[str, Any]],
        ensembles: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """A published figure beside ours, under each split."""
        first, minus, second = figure.model.partition(" - ")
        ours: dict[str, Any] = {}
        for split in self.plan.protocols:
            if minus:
                found = self._statistic(split, first, second, figure.score)
            else:
                found = _ours(figure, split, arms, ensembles)
            if found is not None:
                ours[split] = found
        return {
            "model": figure.model,
            "model_label": self._label(figure.model),
            "variant": figure.variant,
            "score": figure.score,
            "side": "validation" if minus else figure.side,  # tests are over the folds
            "statistic": figure.statistic,
            "value": figure.value,
            "where": figure.where,
            "ours": ours,
        }

    def _label(self, model: str) -> str:
        """What stands beside a published figure, for people: another network, perhaps."""
        labels = {each.name: each.label for each in self.plan.protocol.ensembles}
        # Of several settings of one model, the model's own label says enough.
        labels |= {each.name: each.label for each in self.plan.protocol.models}
        labels |= {arm.name: arm.label for arm in self.plan.arms}
        return " - ".join(labels.get(part, part) for part in model.split(" - "))

    def _statistic(self, split: str, first: str, second: str, score: str) -> dict[str, Any] | None:
        for asked in self.plan.protocol.comparisons:
            if (asked.first, asked.second) == (first, second):
                told = self._compare(split, asked)
                test = (told or {}).get("t_test") or {}
                return {"value": test[score]} if test.get(score) is not None else None
        return None


def _ours(
    figure: Figure,
    split: str,
    arms: Sequence[Mapping[str, Any]],
    ensembles: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | None:
    """What stands beside a published figure."""
    for told in (*arms, *ensembles):
        if told["split"] != split or figure.model not in (told.get("model"), told.get("ensemble")):
            continue
        names = ",".join(told.get("steps", {}).values())
        if figure.variant not in ("", names) and not (figure.variant == BEST and told["best"]):
            continue
        if figure.score == "predict_s":
            return {"value": told.get("predict_s"), "void": told["void"]}
        spread = (told.get(figure.side) or {}).get(figure.score)
        if spread is None:
            return None
        if figure.statistic == "variance":
            return {"value": spread.get("variance"), "void": told["void"]}
        ends = {end: spread.get(end) for end in ("low", "high")}
        return {"value": spread["mean"], "void": told["void"], **ends}
    return None


def _grouped(outcomes: Sequence[Outcome]) -> list[Group]:
    found: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault((outcome.job.protocol, outcome.job.arm.name), []).append(outcome)
    return [
        Group(protocol, folds[0].job.arm, tuple(sorted(folds, key=lambda o: o.job.fold)))
        for (protocol, _), folds in found.items()
    ]


def _same_test(first: Group, second: Group) -> bool:
    """Whether two arms were tested on the same images."""
    one, two = first.folds[0].test.rows, second.folds[0].test.rows
    return len(one) == len(two) and bool((one == two).all())


def _mean(values: Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None
