"""A paper's verdict in plain words."""

from __future__ import annotations

from typing import Any

import pytest

from automedimg.papers.words import leak_percent, verdict


def arm(split: str, value: float, **more: Any) -> dict[str, Any]:
    spread = {"mean": value, "low": value - 0.01, "high": value + 0.01}
    scores = {"accuracy": spread, "log_loss": {"mean": 1 - value}}
    told = {"split": split, "arm": "cnn", "model": "cnn", "label": "CNN", "best": True, "void": ""}
    return {**told, "test": scores, "validation": scores, **more}


def results(*arms: dict[str, Any], leaking: int = 60, **more: Any) -> dict[str, Any]:
    side = {"test": 100, "validation": 100, "leaking_validation": 0}
    told = {
        "claim": "It is good.",
        "synthetic": False,
        "arms": list(arms),
        "scores": ["log_loss", "accuracy"],
        "splits": {
            "random": {**side, "protocol": "random", "leaking_test": leaking},
            "grouped": {**side, "protocol": "grouped", "leaking_test": 0},
        },
        "figures": [
            {"model": "cnn", "score": "accuracy", "value": 0.9967, "ours": {"random": {}}},
        ],
        "comparisons": [],
        "reductions": [],
        "void": {},
        "failed": {},
        "runs": {"planned": 2, "finished": 2},
    }
    return {**told, **more}


def point(told: dict[str, Any], name: str) -> str:
    return dict(verdict(told).points).get(name, "")


def test_both_splits_stand_in_the_headline() -> None:
    said = verdict(results(arm("random", 0.99), arm("grouped", 0.91))).headline
    assert "Accuracy 0.990 (0.980 to 1.000) when split at random" in said
    assert "Accuracy 0.910 (0.900 to 0.920) when split by patients and copies" in said


def test_a_fall_is_put_down_to_the_leak() -> None:
    said = point(results(arm("random", 0.99), arm("grouped", 0.91)), "The difference")
    assert "worse by 0.080" in said
    assert "60.0 % of the test images" in said
    assert "memory, not skill" in said


def test_no_fall_is_said_as_plainly() -> None:
    same = results(arm("random", 0.99), arm("grouped", 0.985))
    assert "does not rest on the leak" in point(same, "The difference")
    higher = results(arm("random", 0.90), arm("grouped", 0.95))
    assert "better by 0.050 leak-free" in point(higher, "The difference")


def test_a_split_that_does_not_leak() -> None:
    told = results(arm("random", 0.99), arm("grouped", 0.91), leaking=0)
    assert "does not leak here" in point(told, "The difference")


def test_less_is_better_for_a_loss() -> None:
    told = results(arm("random", 0.99), arm("grouped", 0.91), figures=[])
    assert "Log loss is worse by 0.080" in point(told, "The difference")


@pytest.mark.parametrize(
    ("more", "name", "part"),
    [
        ({"reductions": ["6 of 30 epochs"]}, "Reduced", "not the paper's whole protocol: 6 of 30"),
        ({"void": {"cnn": "no weights"}}, "Void", "void for cnn: no weights"),
        ({"failed": {"random/cnn": "nan"}}, "Failed", "random/cnn: nan"),
        ({}, "Test sides", "2 of 2 runs"),
        ({}, "The paper", "It is good. It publishes: cnn Accuracy 0.9967"),
    ],
)
def test_what_weakens_it_is_said(more: dict[str, Any], name: str, part: str) -> None:
    assert part in point(results(arm("random", 0.9), **more), name)


def test_nothing_yet() -> None:
    assert "Nothing has finished" in verdict(results()).headline
    assert leak_percent(results(), "random") == 60.0
    assert leak_percent(results(), "upright") is None
