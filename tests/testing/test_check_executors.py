import pytest

from automedimg.contracts import Executor, ExecutorSpec, Message


class Sound(Executor):
    num_slots = 1
    devices = ("cpu",)

    def __init__(self, workers=None):
        self.open = True

    def start(self, context):
        pass

    def submit(self, job):
        return 0

    def messages(self, timeout_s):
        return iter(())

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


def test_a_sound_executor_passes(failing):
    assert failing(executors=[ExecutorSpec("it", "It", Sound)]) == {}


@pytest.mark.parametrize(
    ("executor", "check"),
    [
        (NoSlots, "has_slots"),
        (TooFewDevices, "has_slots"),
        (Talks, "is_silent_without_jobs"),
        (ClosesOnce, "closes_twice"),
        (lambda workers: object(), "has_slots"),
    ],
)
def test_broken_executors_are_caught(failing, executor, check):
    assert set(failing(executors=[ExecutorSpec("it", "It", executor)])) >= {check}
