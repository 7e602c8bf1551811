"""The node's side of the Ray executor, with a pretended worker process."""

import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest

from automedimg.executing import Ending
from automedimg_ray import keeper

ray = pytest.importorskip("ray")

from automedimg_ray.host import Host  # noqa: E402 - needs Ray

SETUP = {
    "environment": {"KERAS_BACKEND": "jax"},
    "path": None,
    "memory_bytes": None,
    "slots": {"a": 2},
    "hang_s": 300.0,
    "lease_s": 150.0,
}


class FakeProcess:
    """A worker process that a test plays."""

    made: ClassVar[list["FakeProcess"]] = []

    def __init__(self, environment, hear, *, memory_bytes, hang_s):
        self.environment, self._hear = environment, hear
        self.memory_bytes, self.hang_s = memory_bytes, hang_s
        self.job, self.ready, self.jobs_done = None, False, 0
        self.sent, self.killed, self.ended, self.used = [], None, False, 100
        self.end_with = Ending("worker exited with code 1")
        self.made.append(self)

    def send(self, command):
        self.sent.append(dict(command))

    def kill(self, reason, cause=""):
        self.killed = (reason, cause)

    def end(self):
        self.ended = True

    def ending(self):
        return self.end_with

    def memory(self):
        return self.used

    def last_words(self):
        return "last words"

    def says(self, say, job=-1):
        self.ready = self.ready or say == "ready"
        self._hear(self, {"say": say, "job": job, "data": {}})

    def dies(self, ending):
        self.end_with = ending
        self._hear(self, None)


@pytest.fixture
def processes(monkeypatch):
    FakeProcess.made = []
    monkeypatch.setattr(keeper, "WorkerProcess", FakeProcess)
    return FakeProcess.made


@pytest.fixture
def host(processes):
    host = Host(SETUP)
    yield host
    host.close()


def kinds(host, wait=0.0):
    return [(words["say"], words["job"]) for words in host.take(wait)]


def test_what_a_worker_says_is_passed_on_in_order(host, processes):
    host.send({"do": "train", "job": 4, "spec": {}})
    for say in ("ready", "started", "epoch", "finished"):
        processes[0].says(say, 4)
    assert [kind for kind, _ in kinds(host)] == ["ready", "started", "epoch", "finished"]
    assert processes[0].job is None


def test_take_waits_for_the_first_message_only(host, processes):
    threading.Timer(0.2, processes[0].says, ("ready",)).start()
    before = time.monotonic()
    assert kinds(host, 10) == [("ready", -1)]
    assert time.monotonic() - before < 5
    assert kinds(host, 0.05) == []


def test_commands_reach_the_job_that_they_are_for(host, processes):
    host.send({"do": "train", "job": 4, "spec": {}})
    host.send({"do": "answer", "job": 3, "decision": "prune"})
    host.send({"do": "answer", "job": 4, "decision": "continue"})
    assert [c["do"] for c in processes[0].sent] == ["train", "answer"]
    assert processes[0].sent[-1]["decision"] == "continue"


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (Ending("worker killed by SIGSEGV"), "failed"),
        (Ending("out of memory", "memory"), "failed"),
        (Ending("worker killed by SIGKILL", outside=True), "lost"),
    ],
)
def test_a_worker_that_ends_is_replaced(host, processes, ending, kind):
    host.send({"do": "context", "context": {"seed": 0}, "marks": {"paths": [], "sizes": {}}})
    processes[0].says("ready")
    host.send({"do": "train", "job": 4, "spec": {}})
    kinds(host)
    processes[0].dies(ending)
    (words,) = host.take(0)
    assert (words["say"], words["job"]) == (kind, 4)
    assert words["data"] == {"reason": ending.reason, "cause": ending.cause}
    processes[0].says("epoch", 4)  # it is no more
    assert kinds(host) == []
    assert processes[1].sent == [{"do": "context", "context": {"seed": 0}}]


def test_a_worker_that_never_got_ready_is_told_apart(host, processes):
    host.send({"do": "train", "job": 4, "spec": {}})
    processes[0].dies(Ending("worker exited with code 1"))
    (words,) = host.take(0)
    assert (words["say"], words["job"]) == ("unready", 4)
    assert words["data"]["words"] == "last words"


def test_a_worker_that_has_grown_is_replaced_between_jobs(host, processes):
    for job, used in enumerate((100, 100, 120, 151)):
        processes[0].used = used
        host.send({"do": "train", "job": job, "spec": {}})
        processes[0].says("finished", job)
        assert kinds(host) == [("finished", job)]
    assert len(processes) == 2


def test_a_cancelled_job_that_goes_on_is_ended(host, processes):
    host.send({"do": "train", "job": 4, "spec": {}})
    host.send({"do": "cancel", "job": 5, "grace_s": 0.0})
    host.send({"do": "cancel", "job": 4, "grace_s": 0.0})
    until = time.monotonic() + 10
    while processes[0].killed is None and time.monotonic() < until:
        time.sleep(0.05)
    assert processes[0].killed == ("stopped: it ran past its time", "time")


def test_files_are_looked_for_before_a_context_is_taken(host, tmp_path):
    (tmp_path / "mark").write_text("word")
    marks = {"word": "word", "paths": [str(tmp_path / "mark")], "sizes": {}}
    host.send({"do": "context", "context": {}, "marks": marks})
    (words,) = host.take(0)
    assert words == {"say": "checked", "job": -1, "data": {"unseen": []}}


def test_a_driver_that_no_longer_asks_ends_the_slot(processes):
    """Its trial runs elsewhere by now, or will."""
    left = threading.Event()
    Host({**SETUP, "lease_s": 0.1}, lambda code: left.set())
    assert left.wait(10)
    assert processes[0].ended


def test_the_worker_gets_its_share_and_its_environment(host, processes):
    environment = processes[0].environment
    assert environment["KERAS_BACKEND"] == "jax"
    assert "automedimg_ray" not in environment["PYTHONPATH"]
    from automedimg.executing import default_worker_memory

    assert processes[0].memory_bytes == default_worker_memory(2)


def test_folders_of_ray_are_not_imported_from(monkeypatch):
    inside = str(Path(ray.__file__).parent / "thirdparty_files")
    monkeypatch.setattr(sys, "path", [inside, "", "/elsewhere"])
    assert keeper.own_path() == ["/elsewhere"]
