"""Which of the processes that share a ledger are alive, by the watch of whoever looks."""

from __future__ import annotations

import optuna
import pytest

from automedimg.search import presence
from automedimg.search.ledger import quieten_optuna
from automedimg.search.presence import Presence

quieten_optuna()


class Watch:
    """A clock that a test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(presence.time, "monotonic", lambda: self.now)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


def running(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))


def test_the_trials_of_a_dead_process_are_orphans(study: optuna.Study, watch: Watch) -> None:
    me, other = Presence(study), Presence(study)
    me.sign(study.ask())
    other.sign(study.ask())
    assert me.orphans(running(study)) == []
    for _ in range(20):  # both live
        watch.now += 6
        me.beat()
        other.beat()
        assert me.orphans(running(study)) == []
    for _ in range(9):  # the other one doesn't
        watch.now += 6
        me.beat()
        assert me.orphans(running(study)) == []
    watch.now += 10
    assert [trial.number for trial in me.orphans(running(study))] == [1]


def test_a_trial_that_nobody_has_signed_yet_has_a_minute_of_its_own(
    study: optuna.Study, watch: Watch
) -> None:
    me = Presence(study)
    study.ask()
    assert me.orphans(running(study)) == []
    watch.now += 59
    study.ask()
    assert me.orphans(running(study)) == []
    watch.now += 2
    assert [trial.number for trial in me.orphans(running(study))] == [0]


def test_who_leads_is_missed_when_it_is_gone(study: optuna.Study, watch: Watch) -> None:
    leader, joined = Presence(study), Presence(study)
    leader.lead()
    assert leader.is_led() and joined.is_led()
    watch.now += 59
    assert joined.is_led()
    leader.beat()
    watch.now += 59
    assert joined.is_led()
    watch.now += 62
    assert not joined.is_led()
    assert leader.is_led()


def test_one_that_slept_too_long_has_lost_its_trials(study: optuna.Study) -> None:
    me, other = Presence(study), Presence(study)
    trial = study.ask()
    me.sign(trial)
    assert me.owns(0) and not other.owns(0)
    other.sign(trial)
    assert other.owns(0) and not me.owns(0)
