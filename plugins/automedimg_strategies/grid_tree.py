"""Counting the configurations of a conditional grid, and finding one by its index, by arithmetic.

A grid of a whole search has more configurations than a computer has bytes: none of this makes a
list of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from automedimg.contracts import Parameter

Points = Mapping[str, Sequence[Any]]
"""Parameter -> the values that the grid tries."""


class Tree:
    """The configurations in which some parameters have given values.

    Args:
        space: Those that others depend on first.
        points: The values to try.
        fixed: The given values.
    """

    def __init__(
        self, space: Sequence[Parameter], points: Points, fixed: Mapping[str, Any]
    ) -> None:
        self._space = space
        self._points = {**points, **{name: (value,) for name, value in fixed.items()}}
        self._needed = [mentioned(space[index:]) for index in range(len(space) + 1)]
        self._counts: dict[Any, int] = {}
        self.size = self._count(0, {})

    def at(self, index: int) -> dict[str, Any]:
        """Return the configuration at an index in [0, size), active parameters only."""
        values: dict[str, Any] = {}
        for place, parameter in enumerate(self._space):
            if not parameter.active(values):
                continue
            points = self._points[parameter.name]
            if parameter.name not in self._needed[0]:
                index, choice = divmod(index, len(points))
                values[parameter.name] = points[choice]
                continue
            for point in points:
                values[parameter.name] = point
                below = self._count(place + 1, values)
                if index < below:
                    break
                index -= below
        return values

    def _count(self, place: int, values: Mapping[str, Any]) -> int:
        """How many ways there are to go on from a place, given the values before it."""
        if place == len(self._space):
            return 1
        kept = {name: values[name] for name in self._needed[place] if name in values}
        key = (place, frozenset(kept.items()))
        if key not in self._counts:
            self._counts[key] = self._sum(place, kept)
        return self._counts[key]

    def _sum(self, place: int, values: Mapping[str, Any]) -> int:
        parameter = self._space[place]
        if not parameter.active(values):
            return self._count(place + 1, values)
        points = self._points[parameter.name]
        if parameter.name not in self._needed[0]:
            return len(points) * self._count(place + 1, values)
        return sum(self._count(place + 1, {**values, parameter.name: point}) for point in points)


def mentioned(space: Sequence[Parameter]) -> dict[str, set[Any]]:
    """Parameters that others depend on, with the values that bring those to life."""
    found: dict[str, set[Any]] = {}
    for parameter in space:
        for way in parameter.when:
            for name, values in way.items():
                found.setdefault(name, set()).update(values)
    return found


def in_turn(sizes: Sequence[int], index: int) -> tuple[int, int]:
    """Deal indices to heaps in turn, until each is full.

    Args:
        sizes: Of the heaps.
        index: In [0, sum of the sizes).
    Returns:
        The heap, and the place in it.
    """
    dealt = 0
    for size in sorted(set(sizes)):
        heaps = [heap for heap, room in enumerate(sizes) if room > dealt]
        rounds = (size - dealt) * len(heaps)
        if index < rounds:
            return heaps[index % len(heaps)], dealt + index // len(heaps)
        index, dealt = index - rounds, size
    raise IndexError(index)


def shuffled(index: int, size: int, seed: str) -> int:
    """Return where an index in [0, size) goes in a shuffle; different ones go different ways.

    Source: Black & Rogaway (2002), Ciphers with Arbitrary Finite Domains: a Feistel network, walked
    until it comes back into the range.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    while True:
        left, right = index >> half, index & ((1 << half) - 1)
        for turn in range(4):
            text = f"{seed}/{turn}/{right}".encode()
            noise = hashlib.shake_256(text).digest(half // 8 + 1)
            left, right = right, left ^ (int.from_bytes(noise, "big") & ((1 << half) - 1))
        index = left << half | right
        if index < size:
            return index
