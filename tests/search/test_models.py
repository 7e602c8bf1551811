"""Which models stay on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from automedimg.contracts import TrialResult
from automedimg.search.models import (
    CHECKPOINT,
    KEEP,
    model_path,
    sweep,
    tidy,
    trial_folder,
    worth_keeping,
)


def trial(number: int, value: float | None, state: str = "complete") -> TrialResult:
    return TrialResult(number=number, state=state, value=value)  # type: ignore[arg-type]


RESULTS = [
    trial(0, 0.1),
    trial(1, 0.9),
    trial(2, 0.99, "pruned"),
    trial(3, 0.8),
    trial(4, None, "failed"),
    trial(5, 0.9),
    trial(6, 0.2),
]


@pytest.mark.parametrize(("maximize", "kept"), [(True, {1, 3, 5}), (False, {0, 6, 3})])
def test_the_best_few_complete_trials_are_kept(maximize: bool, kept: set[int]) -> None:
    assert KEEP == 3
    assert worth_keeping(RESULTS, maximize) == kept
    assert worth_keeping(RESULTS[:2], maximize) == {0, 1}
    assert worth_keeping([], maximize) == set()


def test_losers_lose_their_models_and_nothing_else(tmp_path: Path) -> None:
    running = 7
    for number in [*range(7), running]:
        trial_folder(tmp_path, number).mkdir(parents=True)
        (trial_folder(tmp_path, number) / "history.csv").touch()
        if number != 4:
            model_path(tmp_path, number).touch()
    (trial_folder(tmp_path, 1) / ".model-abc.keras").touch()
    for number in (6, running):
        (trial_folder(tmp_path, number) / CHECKPOINT).touch()
    sweep(tmp_path, RESULTS, True)
    left = [number for number in range(8) if model_path(tmp_path, number).exists()]
    assert left == [1, 3, 5, running]
    assert len(list(tmp_path.rglob("history.csv"))) == 8
    sweep(tmp_path, RESULTS, True)
    assert [path.parent.name for path in tmp_path.rglob(CHECKPOINT)] == ["0007"]
    assert not list(tmp_path.rglob(".model-*"))
    assert model_path(tmp_path, 5) == tmp_path / "trials" / "0005" / "model.keras"


def test_the_end_of_a_trial_costs_its_checkpoint_and_one_loser(tmp_path: Path) -> None:
    for number in range(4):
        trial_folder(tmp_path, number).mkdir(parents=True)
        model_path(tmp_path, number).touch()
        (trial_folder(tmp_path, number) / CHECKPOINT).touch()
    (trial_folder(tmp_path, 3) / ".model-x1.keras").touch()
    results = [trial(0, 0.1), trial(1, 0.9), trial(2, 0.5), trial(3, 0.7)]
    tidy(tmp_path, results, results[3], True)
    assert [n for n in range(4) if model_path(tmp_path, n).exists()] == [1, 2, 3]
    assert not (trial_folder(tmp_path, 3) / CHECKPOINT).exists()
    assert not list(tmp_path.rglob(".model-*"))
    assert (trial_folder(tmp_path, 2) / CHECKPOINT).exists()
    failed = trial(4, None, "failed")
    tidy(tmp_path, [*results, failed], failed, True)
    assert [n for n in range(4) if model_path(tmp_path, n).exists()] == [1, 2, 3]
