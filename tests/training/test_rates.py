"""The course of the learning rate, from the history alone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from automedimg.training.rates import SCHEDULES, num_plateaus, rate_factor


def rows(*values: float, losses: tuple[float, ...] = ()) -> list[dict[str, float]]:
    given = losses or (0.5,) * len(values)
    return [{"value": v, "val_log_loss": loss} for v, loss in zip(values, given, strict=True)]


def factor(schedule: str, progress: float = 0.0, history: object = (), patience: int = 3) -> float:
    return rate_factor(schedule, progress, history, maximize=True, patience=patience)  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_begins_with_the_whole_rate(schedule: str) -> None:
    assert factor(schedule) == 1.0


@pytest.mark.parametrize(
    ("schedule", "half", "end"),
    [("cosine", 0.5, 0.01), ("exponential", 0.1, 0.01), ("constant", 1.0, 1.0)],
)
def test_where_they_come_to(schedule: str, half: float, end: float) -> None:
    assert factor(schedule, 0.5) == pytest.approx(half)
    assert factor(schedule, 1.0) == factor(schedule, 3.0) == pytest.approx(end)


def test_an_exponential_falls_by_the_same_share_each_epoch() -> None:
    rates = [factor("exponential", epoch / 10) for epoch in range(11)]
    shares = [after / before for before, after in pairwise(rates)]
    assert shares == pytest.approx([shares[0]] * 10)


def test_a_plateau_halves_when_nothing_improved_for_three_epochs_and_counts_anew() -> None:
    history = rows(0.6, 0.7, 0.7, 0.65, 0.7, 0.7, 0.7, 0.7, 0.71, 0.7, 0.7)
    found = [factor("plateau", 0.9, history[:epochs]) for epochs in range(12)]
    assert found == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert factor("plateau", 0.0, history, patience=1) == 0.5**8


def test_less_may_be_better_and_log_loss_decides_between_equals() -> None:
    falling = rows(0.9, 0.8, 0.7, 0.6, 0.5)
    assert num_plateaus(falling, maximize=False, patience=1) == 0
    assert num_plateaus(falling, maximize=True, patience=1) == 4
    level = rows(0.7, 0.7, 0.7, losses=(0.5, 0.4, 0.45))
    assert num_plateaus(level, maximize=True, patience=1) == 1


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match="unknown schedule `linear`"):
        factor("linear")
