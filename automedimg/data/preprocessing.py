"""What may be done to an image on its way to the network's square; each is a searchable choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from automedimg.errors import ConfigurationError

STEPS = ("crop", "pad", "standard")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes a square.

    The plain way, ``stretch``, keeps everything, shortcuts included: the file's aspect ratio shows
    as distortion, the black border's width stays. Each step takes one such hint away.

    Args:
        crop: Cut off the border that is as even as the image's outermost frame.
        pad: Keep the aspect ratio and fill up, instead of stretching.
        standard: Bring mean and standard deviation of the content to fixed values.
    """

    crop: bool = False
    pad: bool = False
    standard: bool = False

    @property
    def name(self) -> str:
        """``stretch``, or the steps with a plus between them: ``crop+pad``."""
        return "+".join(step for step in STEPS if getattr(self, step)) or "stretch"


ALL = tuple(Preprocessing(*flags) for flags in product((False, True), repeat=len(STEPS)))
"""Every combination, the plain one first."""


def parse_preprocessing(names: Iterable[str]) -> tuple[Preprocessing, ...]:
    """Return the preprocessings of these names, each once.

    Args:
        names: ``stretch``, ``crop``, ``pad``, ``standard``, combinations such as ``crop+pad``, or
            ``all`` for each of the eight.
    Raises:
        ConfigurationError: a name is unknown, or there is none.
    """
    found: dict[Preprocessing, None] = {}
    for name in names:
        found |= dict.fromkeys(ALL if name == "all" else (_parse(name),))
    if not found:
        raise ConfigurationError(
            "no preprocessing given", "stretch is the plain one; see `automedimg search --help`"
        )
    return tuple(found)


def _parse(name: str) -> Preprocessing:
    steps = [step.strip() for step in name.split("+")]
    if steps == ["stretch"]:
        return Preprocessing()
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise ConfigurationError(
            f"unknown preprocessing `{unknown[0]}` in `{name}`",
            f"expected stretch, all, or some of {', '.join(STEPS)} with `+` between them",
        )
    return Preprocessing(**dict.fromkeys(steps, True))
