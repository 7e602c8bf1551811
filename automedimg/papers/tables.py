"""Reading tables of a TOML file so that everything that is wrong is said at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any


class Table:
    """A table of the file: values are taken out by key; what is wrong is noted, not raised.

    Args:
        data: What TOML made of it.
        path: Where it stands, e.g. ``models.cnn``; empty for the whole file.
        problems: Where notes go; shared by all tables of a file.
    """

    def __init__(self, data: object, path: str, problems: list[str]) -> None:
        self._path, self._problems = path, problems
        self._known: list[str] = []
        self._data: Mapping[str, Any] = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            problems.append(f"`{path}` is {_shown(data)}, expected a table")

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def where(self, key: str) -> str:
        """A key with the tables that it stands in."""
        return f"{self._path}.{key}" if self._path else key

    def wrong(self, key: str, expected: str) -> None:
        """Note that a value is not what it should be."""
        value = self._data.get(key)
        got = "is missing" if key not in self._data else f"is {_shown(value)}"
        self._problems.append(f"`{self.where(key)}` {got}, expected {expected}")

    def take(self, key: str) -> Any:
        """A value of any type; None where it isn't there."""
        self._known.append(key)
        return self._data.get(key)

    def text(self, key: str, *, needed: bool = False) -> str | None:
        """A text; not empty where it is needed."""
        value = self.take(key)
        if value is None and not needed:
            return None
        if not isinstance(value, str) or not (value.strip() or not needed):
            self.wrong(key, "a text")
            return ""
        return " ".join(value.split())

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        """One of some texts."""
        value = self.take(key)
        if value is not None and value not in choices:
            self.wrong(key, f"one of {', '.join(choices)}{_meant(value, choices)}")
            return None
        return value  # type: ignore[no-any-return]

    def whole(self, key: str, low: int) -> int | None:
        """A whole number from `low` up."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            self.wrong(key, f"a whole number of {low} or more")
            return None
        return value

    def share(self, key: str, *, needed: bool = False) -> float | None:
        """A number between 0 and 1, both excluded."""
        value = self.number(key, needed=needed)
        if value is not None and not 0 < value < 1:
            self.wrong(key, "a share between 0 and 1")
            return None
        return value

    def number(self, key: str, *, needed: bool = False) -> float | None:
        """A finite number."""
        value = self.take(key)
        if value is None and not needed:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            self.wrong(key, "a number")
            return None
        return float(value)

    def names(
        self, key: str, choices: Sequence[str] | None = None, *, needed: bool = False
    ) -> tuple[str, ...]:
        """A list of texts, each once, out of `choices` where these are given."""
        value = self.take(key)
        if value is None and not needed:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.wrong(key, "a list of texts")
            return ()
        if (needed and not value) or len(set(value)) < len(value):
            self.wrong(key, "at least one text, each once")
        for each in value if choices is not None else ():
            if each not in (choices or ()):
                self._problems.append(
                    f"`{self.where(key)}` names `{each}`, expected some of "
                    f"{', '.join(choices or ())}{_meant(each, choices or ())}"
                )
        return tuple(value)

    def inner(self, key: str) -> Table:
        """A table in this one; an empty one where it isn't there."""
        value = self.take(key)
        return Table({} if value is None else value, self.where(key), self._problems)

    def part(self, data: Mapping[str, Any]) -> Table:
        """Other values, as if they stood in this table."""
        return Table(dict(data), self._path, self._problems)

    def listed(self, key: str) -> list[Table]:
        """The tables of a list."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(key, f"a list of tables, `[[{self.where(key)}]]`")
            return []
        return [
            Table(each, f"{self.where(key)}[{number}]", self._problems)
            for number, each in enumerate(value, start=1)
        ]

    def named(self, key: str) -> dict[str, Table]:
        """The tables in a table, by name."""
        inner = self.inner(key)
        return {name: inner.inner(name) for name in inner.keys()}  # noqa: SIM118 - no mapping

    def keys(self) -> list[str]:
        """What is in it, in the file's order."""
        return list(self._data)

    def end(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._data:
            if key not in self._known:
                self._problems.append(
                    f"unknown key `{self.where(key)}`{_meant(key, self._known)}"
                    f" (known here: {', '.join(self._known)})"
                )


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return f"`{text}`" if len(text) <= 60 else f"`{text[:57]}...`"


def _meant(value: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(value), list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
