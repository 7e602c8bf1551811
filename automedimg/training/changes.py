"""Which random changes augmentation makes of training images, and how large they may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

ALL = "all"
"""What a search uses unless it is told otherwise: `USUAL`, each as large as `USUALLY` says."""

USUAL = ("flip", "rotation", "shift", "zoom", "contrast", "brightness")

FLIPS = ("flip", "vertical_flip")
"""Half of the images undergo them; they have no amount."""

USUALLY: Mapping[str, float] = {
    "rotation": 36.0,
    "shift": 0.15,
    "zoom": 0.15,
    "shear": 0.15,
    "contrast": 0.3,
    "brightness": 0.15,
}
"""Most of a change at strength 1: degrees of rotation; shares of the side (shift), of the scale
(zoom), of the height (shear: so much is a row moved aside per row), of the contrast, and of the
range of grey values (brightness)."""

MOST: Mapping[str, float] = {"rotation": 180.0, "zoom": 0.9}
"""What an amount may be at most; 1 where nothing is said."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Kinds of changes with their amounts.

    Args:
        amounts: By kind, in [0, 1], of a rotation in degrees; 1 for a flip.
    """

    amounts: Mapping[str, float]

    def __contains__(self, kind: str) -> bool:
        return kind in self.amounts

    def most(self, kind: str) -> float:
        """The most of a change at strength 1, a rotation's in radians; 0 if it isn't made."""
        amount = self.amounts.get(kind, 0.0)
        return math.radians(amount) if kind == "rotation" else amount


def parse_changes(text: object) -> Changes:
    """Read kinds of changes, e.g. ``flip+rotation:90+shift:0.1``, or ``all``.

    Args:
        text: Kinds with ``+`` between them, each with its amount after a colon, or with the usual
            one.
    Raises:
        ValueError: an unknown kind, a kind twice, or an amount that is none or out of range.
    """
    if not isinstance(text, str):
        raise ValueError(f"got `{text}`, expected text such as flip+rotation:90")
    amounts: dict[str, float] = {}
    for part in USUAL if text.strip() == ALL else text.split("+"):
        kind, colon, amount = (piece.strip() for piece in part.partition(":"))
        if kind not in USUALLY and kind not in FLIPS:
            known = ", ".join((*FLIPS, *USUALLY))
            raise ValueError(f"got `{part.strip()}` in `{text}`, expected some of {known}, or all")
        if kind in amounts:
            raise ValueError(f"got `{kind}` twice in `{text}`, expected it once")
        amounts[kind] = _amount(kind, amount) if colon else USUALLY.get(kind, 1.0)
    return Changes(amounts)


def _amount(kind: str, text: str) -> float:
    if kind in FLIPS:
        raise ValueError(f"got `{kind}:{text}`, expected `{kind}` without a number")
    most = MOST.get(kind, 1.0)
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0.0 < amount <= most:
        raise ValueError(f"got `{kind}:{text}`, expected a number above 0, at most {most:g}")
    return amount


def checked_changes(value: object) -> str:
    """Return a text that names changes as it is, without spaces.

    Raises:
        ValueError: as `parse_changes`.
    """
    parse_changes(value)
    return str(value).replace(" ", "")
