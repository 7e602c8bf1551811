"""When a search ends, and which trial has won."""

from __future__ import annotations

from typing import Any

import pytest

from automedimg.contracts import TrialResult
from automedimg.errors import ConfigurationError
from automedimg.search import stopping
from automedimg.search.stopping import (
    HOPELESS,
    Clock,
    Limits,
    Same,
    Stop,
    best_of,
    parse_same,
    rank,
    reason_to_stop,
)


def trial(number: int, value: float | None = None, **more: Any) -> TrialResult:
    state = more.pop("state", "complete" if value is not None else "failed")
    return TrialResult(number=number, state=state, value=value, **more)


def trials(*values: float | None) -> list[TrialResult]:
    return [trial(number, value) for number, value in enumerate(values)]


def stop(results: list[TrialResult], maximize: bool = True, **limits: Any) -> str:
    found = reason_to_stop(results, Limits(**limits), Clock(None), maximize)
    return found.rule if found else ""


def test_nothing_stops_an_unlimited_search() -> None:
    assert stop(trials(0.5, 0.9, None, *[0.1] * 50)) == ""
    assert stop([]) == ""


def test_trials_of_every_state_count() -> None:
    results = [trial(0, 0.5), trial(1), trial(2, 0.4, state="pruned")]
    assert stop(results, trials=3) == "trials"
    assert stop(results, trials=4) == ""


def test_a_target_is_reached_from_the_right_side() -> None:
    assert stop(trials(0.8), target=0.9) == ""
    assert stop(trials(0.8, 0.9, 0.1), target=0.9) == "target"
    assert stop(trials(0.8), maximize=False, target=0.9) == "target"
    assert stop(trials(0.95), maximize=False, target=0.9) == ""


def test_a_pruned_trial_reaches_no_target() -> None:
    assert stop([trial(0, 0.99, state="pruned")], target=0.9) == ""


def test_patience_counts_what_finished_since_the_best() -> None:
    assert stop(trials(0.5, 0.9, 0.8, 0.7), patience=3) == ""
    assert stop(trials(0.5, 0.9, 0.8, 0.7, None), patience=3) == "patience"
    assert stop(trials(0.5, 0.9, 0.8, 0.7, 0.95), patience=3) == ""
    assert stop(trials(0.5, 0.1, 0.8, 0.7), maximize=False, patience=2) == "patience"


def test_an_equal_trial_is_no_better_one() -> None:
    assert stop(trials(0.9, 0.9, 0.9), patience=2) == "patience"


def test_patience_follows_the_order_of_finishing() -> None:
    results = [trial(3, 0.5), trial(1, 0.9), trial(0, 0.4), trial(2, 0.3)]
    assert stop(results, patience=2) == "patience"
    assert stop(results[:3], patience=2) == ""


def test_patience_waits_for_a_first_result() -> None:
    assert stop(trials(None, None, None), patience=1) == ""


def test_nothing_but_failures_ends_the_search() -> None:
    assert stop(trials(*[None] * HOPELESS)) == "failures"
    assert stop(trials(*[None] * (HOPELESS - 1))) == ""
    assert stop(trials(0.5, *[None] * HOPELESS)) == ""
    pruned = [trial(n, 0.1, state="pruned") for n in range(HOPELESS)]
    assert stop(pruned) == ""


def test_time_keeps_a_little_back_for_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    clock = Clock(100.0)
    assert clock.left() == 90.0
    now[0] += 89
    assert reason_to_stop(trials(0.5), Limits(), clock, True) is None
    now[0] += 2
    for results in (trials(0.5), []):
        found = reason_to_stop(results, Limits(time_s=100.0), clock, True)
        assert found == Stop("time", "100 s are over")
    assert clock.elapsed() == 91
    assert Clock(3600.0).left() == 3585.0
    assert Clock(None).left() is None
    assert not Clock(None).is_over()


def test_earlier_sessions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping.time, "monotonic", lambda: 7.0)
    clock = Clock(100.0)
    clock.charge(60.0)
    assert clock.left() == 30.0
    assert clock.elapsed() == 0
    clock.charge(95.0)
    assert clock.is_over()


def test_the_same_result_again_and_again() -> None:
    rule = Same(3, 0.01)
    assert stop(trials(0.9, 0.91, 0.905), same=rule) == "same"
    assert stop(trials(0.9, 0.91), same=rule) == ""
    assert stop(trials(0.9, 0.91, 0.92), same=rule) == ""
    assert stop(trials(0.2, 0.9, 0.9, 0.9), same=rule) == "same"
    assert stop(trials(0.9, 0.9, 0.9, 0.2), same=rule) == ""


def test_only_complete_trials_are_alike() -> None:
    results = [trial(0, 0.9), trial(1), trial(2, 0.2, state="pruned"), trial(3, 0.9)]
    assert stop(results, same=Same(3)) == ""
    assert stop([*results, trial(4, 0.9)], same=Same(3)) == "same"


def test_of_several_rules_the_first_that_fires_is_named() -> None:
    assert stop(trials(0.9, 0.9, 0.9), same=Same(3), trials=3) == "trials"
    assert stop(trials(0.9, 0.9, 0.9), same=Same(3), trials=4, patience=5) == "same"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("same:3", Same(3, 1e-3)),
        (" same:2,0.05 ", Same(2, 0.05)),
        ("same:10,0", Same(10, 0.0)),
        ("same:4,1e-4", Same(4, 1e-4)),
    ],
)
def test_the_rule_is_read(text: str, rule: Same) -> None:
    assert parse_same(text) == rule


@pytest.mark.parametrize(
    "text", ["", "same", "same:1", "same:x", "same:3,", "same:3,-1", "same:3,1e", "alike:3", "3"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected same:N"):
        parse_same(text)


def test_ties_go_to_the_lower_log_loss_then_to_the_first() -> None:
    sure = trial(5, 0.9, validation={"log_loss": 0.2})
    unsure = trial(1, 0.9, validation={"log_loss": 0.4})
    silent = trial(0, 0.9)
    assert best_of([silent, unsure, sure], True) is sure
    assert best_of([trial(4, 0.9), trial(2, 0.9), trial(3, 0.9)], True) == trial(2, 0.9)
    assert best_of([trial(4, 0.9), trial(2, 0.9)], False) == trial(2, 0.9)


def test_the_best_is_complete_and_on_the_right_side() -> None:
    results = [trial(0, 0.5), trial(1, 0.7), trial(2, 0.99, state="pruned"), trial(3)]
    best, least = best_of(results, True), best_of(results, False)
    assert best is results[1]
    assert least is results[0]
    assert best_of([trial(0), trial(1, 0.9, state="pruned")], True) is None
    assert rank(trial(0), True) < rank(trial(1, -1e9), True)
