"""What may be done to an image, by name."""

from __future__ import annotations

import pytest

from automedimg.data.preprocessing import ALL, Preprocessing, parse_preprocessing
from automedimg.errors import ConfigurationError


@pytest.mark.parametrize(
    ("way", "name"),
    [
        (Preprocessing(), "stretch"),
        (Preprocessing(crop=True), "crop"),
        (Preprocessing(pad=True, standard=True), "pad+standard"),
        (Preprocessing(True, True, True), "crop+pad+standard"),
    ],
)
def test_a_preprocessing_is_called_by_its_steps(way: Preprocessing, name: str) -> None:
    assert way.name == name
    assert parse_preprocessing([name]) == (way,)


def test_all_are_the_eight_combinations_and_the_plain_one_is_first() -> None:
    assert len({way.name for way in ALL}) == 8
    assert parse_preprocessing(["all"]) == ALL
    assert ALL[0].name == "stretch"


def test_steps_may_be_named_in_any_order_and_with_spaces() -> None:
    assert parse_preprocessing(["standard + crop"]) == (Preprocessing(crop=True, standard=True),)


def test_each_is_taken_once_in_the_order_of_its_first_mention() -> None:
    found = parse_preprocessing(["pad", "stretch", "pad", "crop+pad", "pad+crop"])
    assert [way.name for way in found] == ["pad", "stretch", "crop+pad"]
    assert parse_preprocessing(["pad", "all"])[0].name == "pad"
    assert len(parse_preprocessing(["pad", "all"])) == 8


@pytest.mark.parametrize(
    ("name", "culprit"),
    [
        ("croop", "croop"),
        ("crop+padd", "padd"),
        ("", ""),
        ("crop+", ""),
        ("stretch+crop", "stretch"),
        ("Crop", "Crop"),
        ("crop,pad", "crop,pad"),
    ],
)
def test_an_unknown_step_is_named_with_what_was_expected(name: str, culprit: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_preprocessing(["pad", name])
    assert f"unknown preprocessing `{culprit}` in `{name}`" in caught.value.message
    assert "stretch, all, or some of crop, pad, standard" in (caught.value.hint or "")


def test_none_at_all_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no preprocessing given"):
        parse_preprocessing([])
