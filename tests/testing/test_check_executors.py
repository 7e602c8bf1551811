import pytest

from automedimg.contracts import Executor, ExecutorSpec, Message
from automedimg.testing import executors as checks


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(checks, "PATIENCE_S", 0.3)
    monkeypatch.setattr(checks, "QUIET_S", 0.1)


class Sound(Executor):
    num_slots = 1
    devices = ("cpu",)

    def __init__(self, options):
        self.open, self.jobs, self.waiting = True, 0, []
        self.workers = options.workers

    def start(self, context):
        pass

    def submit(self, job):
        self.jobs += 1
        self.waiting.append(Message("failed", self.jobs, {"reason": "no such file", "cause": ""}))
        return self.jobs

    def messages(self, timeout_s):
        while self.waiting:
            yield self.waiting.pop(0)

    def answer(self, job, decision):
        pass

    def cancel(self, job, *, grace_s=10.0):
        pass

    def close(self):
        self.open = False


class NoSlots(Sound):
    num_slots, devices = 0, ()


class TooFewDevices(Sound):
    num_slots = 2


class Talks(Sound):
    def messages(self, timeout_s):
        yield Message("started", 0)


class ClosesOnce(Sound):
    def close(self):
        if not self.open:
            raise RuntimeError("closed already")
        super().close()


class KnowsItsJobs(Sound):
    def cancel(self, job, *, grace_s=10.0):
        if job > self.jobs:
            raise KeyError(job)


class EndsTwice(Sound):
    def cancel(self, job, *, grace_s=10.0):
        super().submit(None)
        self.waiting[-1] = Message("failed", job, {"reason": "cancelled", "cause": ""})


class NeverEnds(Sound):
    def messages(self, timeout_s):
        return iter(())


class OneNumber(Sound):
    def submit(self, job):
        return 0 * super().submit(job)


class NoReason(Sound):
    def messages(self, timeout_s):
        for message in super().messages(timeout_s):
            yield Message(message.kind, message.job, {"cause": ""})


class NoCause(Sound):
    def messages(self, timeout_s):
        for message in super().messages(timeout_s):
            yield Message(message.kind, message.job, {"reason": "no such file"})


class Finishes(Sound):
    def messages(self, timeout_s):
        for message in super().messages(timeout_s):
            yield Message("finished", message.job, {})


def test_a_sound_executor_passes(failing):
    assert failing(executors=[ExecutorSpec("it", "It", Sound)]) == {}


@pytest.mark.parametrize(
    ("executor", "check"),
    [
        (NoSlots, "has_slots"),
        (TooFewDevices, "has_slots"),
        (Talks, "is_silent_without_jobs"),
        (ClosesOnce, "closes_twice"),
        (KnowsItsJobs, "ignores_unknown_jobs"),
        (EndsTwice, "jobs_end_once"),
        (NeverEnds, "jobs_end_once"),
        (OneNumber, "jobs_end_once"),
        (NoReason, "jobs_end_once"),
        (NoCause, "jobs_end_once"),
        (Finishes, "jobs_end_once"),
        (lambda options: object(), "has_slots"),
    ],
)
def test_broken_executors_are_caught(failing, executor, check):
    assert set(failing(executors=[ExecutorSpec("it", "It", executor)])) >= {check}


def test_it_is_asked_for_one_worker(failing):
    class OneOnly(Sound):
        def __init__(self, options):
            super().__init__(options)
            assert self.workers == 1

    assert failing(executors=[ExecutorSpec("it", "It", OneOnly)]) == {}
