"""Spend the time where it buys most: which component, trained how, a search tries next.

Ways to train differ in cost by a thousand: a head on cached features takes tenths of a second,
fine-tuning minutes. Where time is limited, each next trial takes the way that promises the most
improvement a second. What remains to choose within a way is the strategy's.

Source: Snoek, Larochelle & Adams (2012), Practical Bayesian Optimization, NeurIPS, section 3.2
(expected improvement per second), with a normal distribution a way in place of a Gaussian process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median, pstdev
from typing import Any, TypeAlias

from automedimg.contracts import TrialResult
from automedimg.registry import SIGN
from automedimg.search.space import SearchSpace, train_name

Key: TypeAlias = tuple[str, str]
"""A way: the backbone's name, and how it is trained."""

RECENT = 20
"""Trials whose seconds count: what a way costs changes as a strategy learns."""

PRIOR_TRIALS = 2.0
"""How many trials a guess is worth."""

FEWEST = 5
"""Trials of a way from which their order says how likely another record is."""

LEAST_SPREAD = 0.02
"""Standard deviation of scores, as a share of the best one, that is assumed at least."""

MODEST_TRIALS = 20
"""Trials of a frozen backbone before dear values, such as augmented views, are tried."""

UNSEEN = 0.5
"""Share of the time left up to which a frozen backbone is tried once before any other comes again.

A descriptor that takes a second tells nothing of what a pretrained network will come to.
"""

LONGEST = 1.25
"""A trial may be expected to take this share of the time that is left: it can be cut short."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to try next.

    Args:
        params: By ledger name; what is not named is the strategy's to choose.
        way: Backbone and mode, for the log.
        gain: Improvement of the score that is expected of it.
        cost_s: Seconds that it is expected to take.
    """

    params: dict[str, Any]
    way: str
    gain: float
    cost_s: float


class Thrift:
    """Advises a search on its way through the time that it has.

    Args:
        space: What may be chosen.
        defaults: Good configurations by ledger name; those of a way are its first trials.
        prior_s: A guess of each way's seconds a trial; only their ratios count once one was run.
        modest: Values by ledger name that make a trial of a frozen backbone cheap; its first ones
            have them.
        maximize: Whether more of the metric is better.
    """

    def __init__(
        self,
        space: SearchSpace,
        defaults: Sequence[Mapping[str, Any]],
        prior_s: Mapping[Key, float],
        maximize: bool,
        modest: Mapping[str, Any] | None = None,
    ) -> None:
        self._modest = dict(modest or {})
        self._ways: dict[Key, list[dict[str, Any]]] = {}
        self._partial: dict[Key, dict[str, Any]] = {}
        for name, option in space.backbones.items():
            for mode in option.modes:
                asked = {"backbone": name, train_name(name, option.modes): mode}
                alone = [ledger for ledger in asked if not _is_choice(space, name, ledger)]
                self._partial[name, mode] = {k: v for k, v in asked.items() if k not in alone}
                self._ways[name, mode] = [
                    dict(one) for one in defaults if asked.items() <= one.items()
                ]
        self._prior_s, self._sign = dict(prior_s), 1.0 if maximize else -1.0

    def advise(
        self, finished: Sequence[TrialResult], running: Sequence[Mapping[str, Any]], left_s: float
    ) -> Advice:
        """Say what to try next.

        Args:
            finished: The ended trials.
            running: What the running ones chose.
            left_s: Seconds left.
        """
        seen = {
            key: [trial for trial in finished if _key(trial.params) == key] for key in self._ways
        }
        at_work = [_key(params) for params in running]
        costs = {key: self._cost(key, seen) for key in self._ways}
        fitting = [key for key in self._ways if costs[key] <= LONGEST * left_s]
        # Where nothing fits, the cheapest still may come to an epoch.
        keys = fitting or [min(self._ways, key=lambda key: costs[key])]
        gains = {key: self._gain(key, seen, at_work.count(key)) for key in keys}
        unseen = [
            key
            for key in fitting
            if key[1] == "frozen"
            and not seen[key]
            and key not in at_work
            and costs[key] <= UNSEEN * left_s
        ]
        if unseen:
            best = min(unseen, key=lambda key: costs[key])
        else:
            best = max(keys, key=lambda key: (gains[key] / costs[key], -costs[key]))
        tried = len(seen[best]) + at_work.count(best)
        defaults = self._ways[best]
        params = dict(defaults[tried] if tried < len(defaults) else self._partial[best])
        if best[1] == "frozen" and tried < MODEST_TRIALS:
            params = {**self._modest, **params}
        return Advice(params, " ".join(best), gains[best], costs[best])

    def _cost(self, key: Key, seen: Mapping[Key, Sequence[TrialResult]]) -> float:
        """Seconds that the next trial of a way will take.

        Features are paid for once: what extracting them took says nothing of the next trial.
        """
        own = [trial for trial in seen.get(key, ()) if trial.seconds > 0]
        known = [trial.seconds - trial.extraction_s for trial in own]
        if known:
            return max(median(known[-RECENT:]), 1e-3)
        parts = _parts(key)
        if parts and all(seen.get(part) for part in parts):  # their features are there: a head each
            return sum(self._cost(part, seen) for part in parts)
        ratios = [
            spent / max(self._prior_s.get(other, 1.0), 1e-3)
            for other, trials in seen.items()
            for spent in [_first_cost(other, trials)]
            if spent > 0
        ]
        return max(self._prior_s.get(key, 1.0) * (median(ratios) if ratios else 1.0), 1e-3)

    def _gain(self, key: Key, seen: Mapping[Key, Sequence[TrialResult]], at_work: int) -> float:
        """Expected improvement of the best score by one more trial of a way."""
        scores = {other: self._scores(trials) for other, trials in seen.items()}
        known = [score for own in scores.values() for score in own]
        if not known:
            return 1.0  # the cheapest goes first
        best = max(known)
        spread = max(pstdev(known), LEAST_SPREAD * max(abs(best), 1e-3))
        own = scores[key]
        # A trial that runs is taken for one that brings nothing new.
        weight = PRIOR_TRIALS + at_work
        guess = self._guess(key, scores, fmean(known))
        mean = (sum(own) + weight * guess) / (len(own) + weight)
        squares = sum((score - mean) ** 2 for score in own) + PRIOR_TRIALS * spread**2
        deviation = math.sqrt(squares / (len(own) + weight))
        gain = _expected_improvement(mean, deviation, best)
        return min(gain, _next_record(own)) if len(own) >= FEWEST else gain

    def _guess(self, key: Key, scores: Mapping[Key, Sequence[float]], usual: float) -> float:
        """What a way may come to, before it was tried.

        Fine-tuning does rarely worse than the frozen backbone that it starts from, nor do backbones
        side by side than one of them.
        """
        backbone, mode = key
        alone = [score for part in _parts(key) for score in scores.get(part, ())]
        if alone:
            return max(alone)
        frozen = scores.get((backbone, "frozen"), ())
        if mode == "finetune" and frozen:
            return max(frozen)
        return fmean(scores[key]) if scores[key] else usual

    def _scores(self, trials: Sequence[TrialResult]) -> list[float]:
        return [self._sign * trial.value for trial in trials if trial.value is not None]


def _parts(key: Key) -> list[Key]:
    """The ways of those that stand side by side in a way; empty for a single backbone."""
    names = key[0].split(SIGN)
    return [(name, key[1]) for name in names] if len(names) > 1 else []


def _first_cost(key: Key, trials: Sequence[TrialResult]) -> float:
    """Seconds to compare a guess with; 0 if there are none yet.

    The guess for a frozen backbone is one pass of the images through it. Where the features were
    in the cache, nothing can be learnt of that.
    """
    if key[1] == "frozen":
        return max((trial.extraction_s for trial in trials), default=0.0)
    return trials[0].seconds if trials else 0.0


def _is_choice(space: SearchSpace, backbone: str, ledger: str) -> bool:
    """Whether a component of a way is chosen at all: there may be no other."""
    if ledger == "backbone":
        return len(space.backbones) > 1
    return len(space.backbones[backbone].modes) > 1


def _key(params: Mapping[str, Any]) -> Key:
    return str(params.get("backbone", "")), str(params.get("train", ""))


def _next_record(scores: Sequence[float]) -> float:
    """How much the best of n scores is expected to rise by one more, if all are drawn alike.

    The best of n normal draws lies about sqrt(2 ln n) deviations above the mean, so another one
    adds the derivative of that. Only the upper half tells of the deviation: poor choices spread far
    below, and nothing above them. Source: David & Nagaraja (2003), Order Statistics, section 4.
    """
    reach = math.sqrt(2.0 * math.log(len(scores)))
    deviation = (max(scores) - median(scores)) / reach
    return deviation / (len(scores) * reach)


def _expected_improvement(mean: float, deviation: float, best: float) -> float:
    """Source: Jones, Schonlau & Welch (1998), Efficient Global Optimization, equation 15."""
    normal = NormalDist()
    z = (mean - best) / deviation
    return (mean - best) * normal.cdf(z) + deviation * normal.pdf(z)
