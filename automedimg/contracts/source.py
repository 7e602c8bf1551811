"""Where a component comes from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Origin and terms of a data set, network or method.

    Args:
        citation: What a paper that uses it cites, in one line.
        url: A page about it.
        licence: SPDX identifier, or the terms in a few words.
    """

    citation: str
    url: str = ""
    licence: str = ""
