"""Features of the first trials, computed before there is a trial: while copies are looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from automedimg.contracts import Decision, RunContext, TrialSpec
from automedimg.registry import Catalog
from automedimg.training.assembly import Assembly
from automedimg.training.backend import make_deterministic
from automedimg.training.shelf import Shelf
from automedimg.training.trial_data import TrialData


class Abandoned(Exception):  # noqa: N818 - nothing went wrong
    """A job came that has no use for these features: they are not waited for."""


class Preparing:
    """The line of what nobody listens to.

    Args:
        alive: Gives a sign of life.
        is_wanted: Whether to go on.
    """

    def __init__(self, alive: Callable[[], None], is_wanted: Callable[[], bool]) -> None:
        self._alive, self._is_wanted = alive, is_wanted

    def epoch(self, row: Mapping[str, Any]) -> Decision:
        """Go on; there are no epochs."""
        del row
        return "continue"

    def cancelled(self) -> bool:
        """Whether something else waits."""
        return not self._is_wanted()

    def alive(self) -> None:
        """Give a sign of life.

        Raises:
            Abandoned: something else waits.
        """
        self._alive()
        if not self._is_wanted():
            raise Abandoned


def prepare_features(
    context: RunContext, spec: TrialSpec, catalog: Catalog, shelf: Shelf, talk: Preparing
) -> int:
    """Compute the features that a trial with a frozen backbone begins with; it then finds them.

    Args:
        context: Its pixels and its feature cache count; labels and split need not be known yet.
        spec: Of the trial, as it will be.
        catalog: Where the backbone comes from.
        shelf: Of the worker; the backbone stays there.
        talk: Hears signs of life, and says when to stop.
    Returns:
        How many images went through the backbone: none where the features were there.
    """
    make_deterministic(spec.seed)
    data = TrialData(context, spec.fit["preprocessing"])
    parts = Assembly(spec, data, catalog, talk, shelf)
    if not talk.cancelled():
        with suppress(Abandoned):
            parts.extract()
    return parts.extracted


def same_features(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two specs, as JSON, read the same features."""
    names = ["backbone", "backbone_values", "weights", "part_weights"]
    if one["weights"] is None:
        names.append("seed")
    ways = [spec["fit"].get("preprocessing") for spec in (one, other)]
    return ways[0] == ways[1] and all(one[name] == other[name] for name in names)
