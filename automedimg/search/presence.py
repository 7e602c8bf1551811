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
        beats, now = self._study.user_attrs, time.monotonic()
        found = []
        for trial in running:
            owner = trial.user_attrs.get(OWNER, "")
            if owner == self.name:
                continue
            count = int(beats.get(f"beat:{owner}", 0))
            if self._seen.get(owner, (-1, 0.0))[0] != count:
                self._seen[owner] = (count, now)
            elif now - self._seen[owner][1] > self._stale_s:
                found.append(trial)
        return found
