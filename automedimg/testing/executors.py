"""The checks of an executor; each starts its workers and ends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from automedimg.contracts import Executor, ExecutorSpec
from automedimg.testing.subject import Subject, expect, expect_name_and_summary


class ExecutorSubject(Subject[ExecutorSpec]):
    """An executor under test; made anew by each check."""

    @contextmanager
    def running(self) -> Iterator[Executor]:
        """Make one with one worker, and close it."""
        executor = self.spec.factory(1)
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


def check_closes_twice(subject: ExecutorSubject) -> None:
    """Closing a closed executor is fine."""
    with subject.running() as executor:
        executor.close()


CHECKS = (check_spec, check_has_slots, check_is_silent_without_jobs, check_closes_twice)
