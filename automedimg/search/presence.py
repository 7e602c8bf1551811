"""Which of the processes that share a ledger are alive.

Optuna's own heartbeat knows nothing of trials that are asked for and told one by one. Here each
process counts up a number in the study; one whose number stands still for a while, by the watch of
whoever looks, is dead. Clocks of different machines are never compared.
"""

from __future__ import annotations

import platform
import time
import uuid

import optuna
from optuna.trial import FrozenTrial, Trial

BEAT_S = 5.0
STALE_S = 60.0
OWNER = "owner"
LEADER = "leader"


class Presence:
    """This process among those that share a ledger.

    Args:
        study: The ledger.
        stale_s: Seconds without a beat after which another process counts as dead.
    """

    def __init__(self, study: optuna.Study, stale_s: float = STALE_S) -> None:
        self.name = f"{platform.node() or 'host'}-{uuid.uuid4().hex[:8]}"
        self._study, self._stale_s = study, stale_s
        self._count, self._beaten = 0, float("-inf")
        self._seen: dict[str, tuple[int, float]] = {}
        self.beat()

    def beat(self) -> None:
        """Say that this process is alive; called often, does it every few seconds."""
        now = time.monotonic()
        if now - self._beaten < BEAT_S:
            return
        self._count, self._beaten = self._count + 1, now
        self._study.set_user_attr(f"beat:{self.name}", self._count)

    def sign(self, trial: Trial) -> None:
        """Mark a trial as this process's."""
        trial.set_user_attr(OWNER, self.name)

    def orphans(self, running: list[FrozenTrial]) -> list[FrozenTrial]:
        """Those of the running trials whose process is dead."""
        found = []
        for trial in running:
            owner = trial.user_attrs.get(OWNER, "")
            if owner == self.name:
                continue
            # One that was asked for and not signed yet is nobody's but its own for a while.
            if self._is_still(owner or f"trial {trial.number}"):
                found.append(trial)
        return found

    def lead(self) -> None:
        """Say that this process leads."""
        self._study.set_user_attr(LEADER, self.name)

    def is_led(self) -> bool:
        """Whether the process that leads is alive."""
        leader = self._study.user_attrs.get(LEADER, "")
        return leader == self.name or not self._is_still(leader or "nobody")

    def owns(self, number: int) -> bool:
        """Whether a trial is still this process's: one that slept too long loses its trials."""
        return bool(
            self._study.get_trials(deepcopy=False)[number].user_attrs.get(OWNER) == self.name
        )

    def _is_still(self, name: str) -> bool:
        """Whether a process has not counted on for too long, by this one's watch."""
        count, now = int(self._study.user_attrs.get(f"beat:{name}", 0)), time.monotonic()
        if self._seen.get(name, (-1, 0.0))[0] != count:
            self._seen[name] = (count, now)
            return False
        return now - self._seen[name][1] > self._stale_s
