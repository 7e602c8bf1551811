"""The checks of an executor; each starts its workers and ends them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from automedimg.contracts import (
    Executor,
    ExecutorOptions,
    ExecutorSpec,
    Message,
    RunContext,
    ScoreSpec,
)
from automedimg.testing.subject import Subject, expect, expect_name_and_summary

PATIENCE_S = 180.0
"""Seconds that an executor may take to bring a worker up and end two jobs."""

QUIET_S = 1.0
"""Seconds in which a job that has ended could still be heard of."""

UNKNOWN_JOB = 10_000

ENDS = ("finished", "failed", "lost")


class ExecutorSubject(Subject[ExecutorSpec]):
    """An executor under test; made anew by each check."""

    @contextmanager
    def running(self) -> Iterator[Executor]:
        """Make one with one worker, and close it."""
        executor = self.spec.factory(ExecutorOptions(workers=1))
        expect(isinstance(executor, Executor), "factory", type(executor).__name__, "an Executor")
        try:
            yield executor
        finally:
            executor.close()


def check_spec(subject: ExecutorSubject) -> None:
    """The name has lower case, digits and hyphens."""
    expect_name_and_summary(subject.spec, "a-z0-9-", "lower case, digits, hyphens")


def check_has_slots(subject: ExecutorSubject) -> None:
    """Asked for one worker, it has a slot or more, and names what each of them runs on."""
    with subject.running() as executor:
        slots, devices = executor.num_slots, executor.devices
        expect(isinstance(slots, int) and slots >= 1, "num_slots", repr(slots), "1 or more")
        named = isinstance(devices, tuple) and all(isinstance(d, str) and d for d in devices)
        expect(named, "devices", repr(devices), "a tuple of names")
        expect(len(devices) == slots, "devices", repr(devices), f"{slots}, one a slot")


def check_is_silent_without_jobs(subject: ExecutorSubject) -> None:
    """Before a job is submitted there are no messages, and asking for them doesn't block."""
    with subject.running() as executor:
        messages = list(executor.messages(0.01))
        expect(not messages, "messages", messages, "none before a job is submitted")


def check_ignores_unknown_jobs(subject: ExecutorSubject) -> None:
    """A cancel or an answer may come late: for a job that isn't there it does nothing."""
    with subject.running() as executor:
        executor.cancel(UNKNOWN_JOB)
        executor.answer(UNKNOWN_JOB, "continue")
        messages = list(executor.messages(0.01))
        expect(not messages, "messages", messages, "none of a job that isn't there")


def check_jobs_end_once(subject: ExecutorSubject) -> None:
    """A job that can't run and a cancelled one each end with one ``failed`` and its reason."""
    context = RunContext(
        pixels={},
        rows=str(subject.folder / "rows.npz"),
        features=str(subject.folder / "features"),
        data_fingerprint="",
        classes=("no", "yes"),
        metric="accuracy",
        seed=0,
        log=str(subject.folder / "log.txt"),
    )
    missing, out = subject.folder / "missing.keras", subject.folder / "out.npz"
    with subject.running() as executor:
        executor.start(context)
        jobs = [
            executor.submit(ScoreSpec(str(missing), "stretch", "test", str(out))) for _ in range(2)
        ]
        expect(jobs[0] != jobs[1], "submit", repr(jobs), "a number of its own for each job")
        executor.cancel(jobs[1])
        messages = _until_ended(executor, set(jobs))
    for job in jobs:
        _expect_one_failure([m for m in messages if m.job == job and m.kind in ENDS])


def check_closes_twice(subject: ExecutorSubject) -> None:
    """Closing a closed executor is fine."""
    with subject.running() as executor:
        executor.close()


def _until_ended(executor: Executor, jobs: set[int]) -> list[Message]:
    """All messages until these jobs have ended, and some time longer."""
    messages: list[Message] = []
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        heard = list(executor.messages(0.1))
        messages += heard
        waiting = len(jobs)
        jobs -= {message.job for message in heard if message.kind in ENDS}
        if waiting and not jobs:
            until = time.monotonic() + QUIET_S
    return messages


def _expect_one_failure(ends: list[Message]) -> None:
    expect(len(ends) == 1, "messages", ends, "one end of each job")
    end = ends[0]
    expect(end.kind == "failed", "messages", end, "a `failed`")
    reason, cause = end.data.get("reason"), end.data.get("cause")
    expect(isinstance(reason, str) and reason, "reason", repr(reason), "why it failed")
    expect(isinstance(cause, str), "cause", repr(cause), "text, empty if it is nothing special")


CHECKS = (
    check_spec,
    check_has_slots,
    check_is_silent_without_jobs,
    check_ignores_unknown_jobs,
    check_jobs_end_once,
    check_closes_twice,
)
