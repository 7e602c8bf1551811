"""What the metadata's AUC means, in one or two plain sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from automedimg.evaluation.bootstrap import Interval

Level = Literal["strong", "clear", "weak", "none", "unknown"]

STRONG, CLEAR = 0.9, 0.7
RULED_OUT = 0.65
"""An interval that ends below this leaves no room for a shortcut that would matter."""
MOST_NAMED = 4
OF_THE_PICTURE = ("border_brightness", "corner_text", "bytes_per_pixel")
"""Columns that see something of what the picture shows."""
FEW_GROUPS = 10
"""Groups of the rarest class below which an interval is too narrow to be trusted."""


def level_of(auc: Interval) -> Level:
    """How strong a shortcut is; ``none`` where the interval includes chance."""
    # No width: every resample agrees, which happens when metadata give the label away.
    low = auc.value if math.isnan(auc.low) else auc.low
    if low <= 0.5:
        return "none"
    return "strong" if auc.value >= STRONG else "clear" if auc.value >= CLEAR else "weak"


def verdict_of(
    auc: Interval,
    carried_by: Sequence[str],
    random_auc: float | None,
    fewest_groups: int,
) -> str:
    """Say what was found.

    Args:
        auc: Of all columns together, on groups that the model has not seen.
        carried_by: The columns that suffice.
        random_auc: The same where images are split one by one; None if there are no groups.
        fewest_groups: Groups of the class that fewest show.
    """
    level = level_of(auc)
    score = f"AUC {_score(auc.value)} ({_ends(auc)})"
    if level == "none":
        text = _nothing(auc, score)
    else:
        how = {
            "strong": "Metadata alone tell the classes apart",
            "clear": "Metadata alone predict the class much better than chance",
            "weak": "Metadata alone predict the class a little better than chance",
        }[level]
        text = f"{how}, without a look at the anatomy: {score}, carried by {_list(carried_by)}."
        if level != "weak":
            text += " A network that does as well may have learned nothing else."
        if seen := [name for name in carried_by if name in OF_THE_PICTURE]:
            text += (
                f" {_list(seen)} {'is' if len(seen) == 1 else 'are'} measured on the picture: "
                "where the object reaches the margins, they see some of it, too."
            )
    if random_auc is not None and random_auc >= auc.value + 0.02 and random_auc >= CLEAR:
        text += (
            " Where images are split one by one, an image's metadata meet those of its copies or "
            f"its patient, and reach {_score(random_auc)}."
        )
    if fewest_groups < FEW_GROUPS:
        text += (
            f" One class has only {fewest_groups} independent groups of images: "
            "too few for this interval to be trusted."
        )
    return text


def _nothing(auc: Interval, score: str) -> str:
    text = f"No shortcut is shown: metadata alone reach {score}, which includes chance (0.5)"
    if math.isnan(auc.high):
        return text.replace(", which includes chance (0.5)", ", no better than chance (0.5)") + "."
    if auc.high < RULED_OUT:
        return text + ", and nothing strong is hidden in them."
    return text + f"; one of up to {_score(auc.high)} can't be ruled out with so few groups."


def _ends(auc: Interval) -> str:
    if math.isnan(auc.low):
        return "no interval can be given"
    return f"95 % interval {_score(auc.low)} to {_score(auc.high)}"


def _score(value: float) -> str:
    """Three decimals; more where they would round up to a perfect score."""
    digits = next((d for d in (3, 4, 5) if round(value, d) < 1.0), 3)
    return f"{value:.{digits}f}"


def _list(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        quoted.append(f"{len(names) - MOST_NAMED} more")
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
