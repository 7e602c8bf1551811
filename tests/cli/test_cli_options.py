"""Values that options take."""

from __future__ import annotations

import click
import pytest

from automedimg.cli.options import Assignment, Duration, Names


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1d2h3m4s", 93784),
        ("1.5h", 5400),
        ("0.5", 0.5),
        (" 10M ", 600),
        (90.0, 90),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "10x", "m", "-5m", "1h30", "1h nonsense", "10m!", "1e3", "nan", "inf"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"expected e\.g\. 90s, 10m or 1h30m"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("train=frozen", ("train", "frozen")),
        ("dense.units = 64", ("dense.units", "64")),
        ("name=a=b", ("name", "a=b")),
    ],
)
def test_assignments(text: str, pair: tuple[str, str]) -> None:
    assert Assignment().convert(text, None, None) == pair
    assert Assignment().convert(pair, None, None) == pair


@pytest.mark.parametrize("text", ["", "train", "=frozen", "train="])
def test_what_is_no_assignment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"not NAME=VALUE, e\.g\. train=frozen"):
        Assignment().convert(text, None, None)


def test_names() -> None:
    assert Names().convert("a, b ,c", None, None) == ("a", "b", "c")
    assert Names().convert("a,", None, None) == ("a",)
    assert Names().convert(("a",), None, None) == ("a",)
    with pytest.raises(click.BadParameter):
        Names().convert(" , ", None, None)
