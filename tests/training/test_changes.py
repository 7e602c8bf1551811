"""What a text of changes means, and what is wrong with one that means nothing."""

from __future__ import annotations

import math

import pytest

from automedimg.training.changes import FLIPS, USUAL, USUALLY, checked_changes, parse_changes


def test_all_is_what_it_always_was() -> None:
    """The amounts that feature caches and resumed trials were made with."""
    usual = parse_changes("all")
    assert dict(usual.amounts) == {
        "flip": 1.0,
        "rotation": 36.0,
        "shift": 0.15,
        "zoom": 0.15,
        "contrast": 0.3,
        "brightness": 0.15,
    }
    assert parse_changes("+".join(USUAL)) == usual
    assert usual.most("rotation") == 2 * math.pi * 0.1
    assert (usual.most("shift"), usual.most("shear")) == (0.15, 0.0)


def test_amounts_are_the_given_or_the_usual_ones() -> None:
    changes = parse_changes("flip+rotation:90+shift+shear:0.2")
    assert dict(changes.amounts) == {"flip": 1.0, "rotation": 90.0, "shift": 0.15, "shear": 0.2}
    assert "zoom" not in changes and "shift" in changes
    assert changes.most("rotation") == pytest.approx(math.pi / 2)


@pytest.mark.parametrize("kind", [*FLIPS, *USUALLY])
def test_each_kind_stands_alone(kind: str) -> None:
    assert set(parse_changes(kind).amounts) == {kind}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flip+twist", "got `twist` in `flip+twist`, expected some of flip, vertical_flip"),
        ("", "got `` in ``"),
        ("flip+", "got `` in `flip+`"),
        ("flip+flip", "got `flip` twice"),
        ("flip:0.5", "got `flip:0.5`, expected `flip` without a number"),
        ("rotation:270", "got `rotation:270`, expected a number above 0, at most 180"),
        ("zoom:1", "at most 0.9"),
        ("shift:", "got `shift:`, expected a number"),
        ("shift:0", "expected a number above 0, at most 1"),
        ("shift:nan", "expected a number above 0"),
        ("shift:a lot", "expected a number above 0"),
        ("all+shear", "got `all` in `all+shear`"),
        (7, "got `7`, expected text"),
    ],
)
def test_what_is_wrong_is_said(text: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_changes(text)
    assert words in str(caught.value)


def test_spaces_do_not_matter() -> None:
    assert checked_changes(" flip + rotation : 90 ") == "flip+rotation:90"
