"""Kinds of values that options take."""

from __future__ import annotations

import re
from typing import Any

import click

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Duration(click.ParamType[float]):
    """Seconds, or a number with a unit: ``90``, ``90s``, ``10m``, ``1h30m``."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return seconds."""
        text = str(value).strip().lower()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(f"`{value}` is not a duration; expected e.g. 90s, 10m or 1h30m", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


class Memory(click.ParamType[int]):
    """Bytes, or a number with a unit: ``8G``, ``500M``, ``1.5 GB``; powers of ten."""

    name = "memory"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return bytes."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", str(value).strip().lower())
        if match is None or float(match[1]) <= 0:
            self.fail(f"`{value}` is no amount of memory; expected e.g. 8G or 500M", param, ctx)
        return int(float(match[1]) * 1000 ** " kmgt".index(match[2] or " "))


class Devices(click.ParamType[tuple[str, ...]]):
    """Ids of GPUs with commas between them, or ``cpu`` for none."""

    name = "devices"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Return the ids; none for the CPU."""
        if isinstance(value, tuple):
            return value
        if str(value).strip().lower() == "cpu":
            return ()
        names = tuple(name.strip() for name in str(value).split(","))
        if not all(names) or "cpu" in names:
            self.fail(f"`{value}` names no devices; expected e.g. 0,1 or cpu", param, ctx)
        return names


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(",") if name.strip())
        if not names:
            self.fail("expected at least one name", param, ctx)
        return names


def as_mapping(
    context: click.Context, parameter: click.Parameter, pairs: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Turn the pairs of a repeated `NAME=VALUE` into a mapping."""
    del context, parameter
    return dict(pairs)


class Assignment(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``."""

    name = "name=value"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Return name and value."""
        if isinstance(value, tuple):
            return value
        name, equals, rest = str(value).partition("=")
        if not (name and equals and rest):
            self.fail(f"`{value}` is not NAME=VALUE, e.g. train=frozen", param, ctx)
        return name.strip(), rest.strip()
